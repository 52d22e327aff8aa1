// Which of the append-only files in a directory are those of a former life.
import * as assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileHead } from '../../src/journal/disk-format'
import { fileNameOf, filesLeft } from '../../src/journal/disk-files'
import { suite } from '../helpers/suite'

const HOSTS = ['00000000000000a1', '00000000000000b2', '00000000000000c3']
/** Above what Linux gives to processes. */
const NO_PID = 2 ** 22 + 1

suite('append-only files', (test) => {
  let dir = ''
  test.before(() => {
    dir = mkdtempSync(join(tmpdir(), 'stratacache-files-'))
    for (const hostId of HOSTS) {
      for (const pid of [NO_PID, process.pid]) writeFileSync(join(dir, fileNameOf(pid, hostId)), fileHead(hostId))
    }
  })
  test.after(() => rmSync(dir, { recursive: true, force: true }))

  const left = (hostIds: string[], isJournalOfProcess: boolean): string[] => {
    const { left: files, unread } = filesLeft(dir, new Set(hostIds), isJournalOfProcess)
    assert.deepEqual(unread, [])
    return files.map(({ path }) => basename(path)).sort()
  }

  test('those of a journal that is there are not left, whoever made them', () => {
    assert.deepEqual(left(HOSTS.slice(0, 2), false), [process.pid, NO_PID].map((pid) => fileNameOf(pid, HOSTS[2]!)).sort())
    assert.deepEqual(left(HOSTS, false), [])
  })

  test('where each process has a journal of its own, those of processes that live are not left', () => {
    assert.deepEqual(left(HOSTS.slice(0, 1), true), HOSTS.slice(1).map((hostId) => fileNameOf(NO_PID, hostId)).sort())
  })
})
