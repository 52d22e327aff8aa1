{
  'variables': {
    'native_tests%': 0,
    'native_bench%': 0,
    'sanitize%': 'none',
    'core_sources': [
      'native/shm/geometry.cc', 'native/shm/host_identity.cc', 'native/shm/liveness.cc', 'native/shm/region.cc', 'native/shm/private_file.cc',
      'native/shm/private_file_adopt.cc', 'native/shm/private_file_create.cc', 'native/shm/process_watch.cc', 'native/shm/own_files.cc',
      'native/table/admission.cc', 'native/table/audit.cc', 'native/table/bucket.cc', 'native/table/copies.cc', 'native/table/fleet.cc', 'native/table/ghost.cc', 'native/table/lease.cc',
      'native/table/namespaces.cc', 'native/table/quotas.cc', 'native/table/reclaim.cc', 'native/table/runs.cc', 'native/table/space.cc', 'native/table/tags.cc',
      'native/table/threads.cc', 'native/table/walk.cc', 'native/table/write.cc', 'native/service/service.cc',
      'native/service/used_pages.cc',
      'native/journal/adopt.cc', 'native/journal/breaker.cc', 'native/journal/candidate.cc', 'native/journal/index.cc', 'native/journal/journal.cc',
      'native/journal/lane.cc', 'native/journal/leader.cc', 'native/journal/leader_choice.cc', 'native/journal/letters.cc', 'native/journal/pending.cc',
      'native/journal/waker.cc',
    ],
    'native_test_sources': [
      'test/native/main.cc', 'test/native/fixture.cc', 'test/native/region_files.cc', 'test/native/workload.cc',
      'test/native/workload_shared.cc', 'test/native/table_test.cc', 'test/native/compaction_test.cc', 'test/native/hash_test.cc',
      'test/native/core_test.cc', 'test/native/fleet_test.cc', 'test/native/namespace_test.cc', 'test/native/tags_test.cc', 'test/native/quota_test.cc', 'test/native/region_test.cc',
      'test/native/space_test.cc', 'test/native/service_test.cc', 'test/native/fuzz_test.cc',
      'test/native/model_test.cc', 'test/native/stress_test.cc',
      'test/native/journal_fixture.cc', 'test/native/journal_world.cc', 'test/native/journal_lane_test.cc',
      'test/native/journal_leader_test.cc', 'test/native/journal_adopt_test.cc', 'test/native/journal_choice_test.cc', 'test/native/journal_host_test.cc', 'test/native/journal_fuzz_test.cc',
      'test/native/journal_model_test.cc', 'test/native/journal_stress_test.cc',
    ],
    'kill_harness_sources': [
      'test/native/fixture.cc', 'test/native/workload.cc', 'test/native/workload_shared.cc',
      'test/native/kill_points.cc', 'test/native/kill_job.cc', 'test/native/kill_round.cc',
      'test/native/kill_harness.cc', 'test/native/journal_fixture.cc', 'test/native/journal_world.cc',
      'test/native/journal_kill.cc',
    ],
  },
  'target_defaults': {
    'cflags_cc': ['-std=c++20', '-Wall', '-Wextra', '-Wshadow', '-fvisibility=hidden', '-fno-exceptions'],
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++14', '-fno-rtti'],
    'cflags': ['-O2', '-fno-omit-frame-pointer', '-D_FORTIFY_SOURCE=2', '-fstack-protector-strong'],
    'include_dirs': ['native'],
    'conditions': [
      ['sanitize=="address"', {
        'cflags': ['-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-g', '-U_FORTIFY_SOURCE'],
        'ldflags': ['-fsanitize=address,undefined'],
      }],
      ['sanitize=="thread"', {
        'cflags': ['-fsanitize=thread', '-g', '-Wno-tsan', '-U_FORTIFY_SOURCE'],
        'ldflags': ['-fsanitize=thread'],
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'core',
      'type': 'static_library',
      'cflags': ['-fPIC'],
      'sources': ['<@(core_sources)'],
    },
  ],
  'conditions': [
    ['native_tests==0', {
      'targets': [{
        'target_name': 'stratacache',
        'dependencies': ['core'],
        'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS'],
        'cflags_cc': ['-isystem <!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")'],
        'sources': [
          'native/binding/addon.cc', 'native/binding/layout_report.cc', 'native/binding/shared_region.cc',
          'native/binding/journal_calls.cc', 'native/binding/journal_handle.cc', 'native/binding/journal_lead.cc',
          'native/binding/journal_write.cc', 'native/binding/loop_wakeup.cc', 'native/binding/scan_calls.cc', 'native/binding/shared_journal.cc',
          'native/binding/table_handle.cc', 'native/binding/view_fleet.cc', 'native/binding/view_read.cc',
          'native/binding/view_write.cc',
        ],
        'ldflags': ['-static-libstdc++', '-static-libgcc', '-Wl,-z,relro,-z,now'],
      }],
    }, {
      'targets': [{
        'target_name': 'native_test',
        'type': 'executable',
        'dependencies': ['core'],
        'include_dirs': ['.'],
        'sources': ['<@(native_test_sources)'],
      }],
    }],
    ['native_tests!=0 and sanitize=="none"', {
      'targets': [
        {
          # A core of its own: only here the kill points are more than names.
          'target_name': 'kill_harness',
          'type': 'executable',
          'include_dirs': ['.'],
          'defines': ['STRATA_TEST_KILL_POINTS'],
          'sources': ['<@(core_sources)', '<@(kill_harness_sources)'],
        },
        {
          'target_name': 'protocol_check',
          'type': 'executable',
          'sources': ['test/native/protocol_check.cc'],
        },
      ],
    }],
    ['native_bench!=0', {
      'targets': [{
        'target_name': 'native_bench',
        'type': 'executable',
        'dependencies': ['core'],
        'include_dirs': ['.'],
        'sources': ['bench/native/main.cc', 'bench/native/worker.cc'],
      }],
    }],
  ],
}
