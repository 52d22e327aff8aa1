// The programs that test the native core without Node: how they are built and how they are run.
// Each prints `ok <name>` / `not ok <name>` lines and closes with `N passed, N failed`.
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { buildNative, root } from './setup.mjs'

/** One build each, out of the way of the addon's own build/Release. */
export const variants = {
  plain: { defines: ['native_tests=1'], env: {} },
  asan: {
    defines: ['native_tests=1', 'sanitize=address'],
    env: { ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1' },
  },
  tsan: {
    defines: ['native_tests=1', 'sanitize=thread'],
    env: { TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1' },
    // ThreadSanitizer of gcc 12 refuses the address layout of kernels with 32 bits of randomness.
    through: ['setarch', '-R'],
  },
}

/** What `npm test` runs. `deadlineS` counts from the start of the program, not of the build. */
export const programs = [
  // The slowest first: two run at a time.
  { program: 'native_test', variant: 'tsan', args: [], deadlineS: 600 },
  { program: 'native_test', variant: 'asan', args: [], deadlineS: 300 },
  { program: 'protocol_check', variant: 'plain', args: [], deadlineS: 600 },
  { program: 'kill_harness', variant: 'plain', args: [], deadlineS: 600 },
  { program: 'kill_harness', variant: 'plain', args: ['--journal'], deadlineS: 600 },
  { program: 'native_test', variant: 'plain', args: [], deadlineS: 300 },
]

const variantDir = (variant) => join('build', 'native-tests', variant)

/** Builds one variant. node-gyp writes to ./build, so each variant gets a directory of links. */
export function buildVariant(variant) {
  const dir = join(root, variantDir(variant))
  mkdirSync(join(dir, 'test'), { recursive: true })
  for (const path of ['binding.gyp', 'native', 'test/native']) {
    rmSync(join(dir, path), { force: true })
    symlinkSync(join(root, path), join(dir, path))
  }
  return buildNative({
    name: variant, dir: variantDir(variant), doing: `compiling the native tests, ${variant}`,
    defines: variants[variant].defines,
  })
}

/** The command line of one program. */
export function commandOf({ program, variant, args }) {
  const file = join(root, variantDir(variant), 'build', 'Release', program)
  return [...(variants[variant].through ?? []), file, ...args]
}

/** Whether there is a native core to test at all. */
export const hasNativeTests = () => existsSync(join(root, 'binding.gyp')) && existsSync(join(root, 'test/native'))
