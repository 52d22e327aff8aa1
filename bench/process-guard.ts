/**
 * What must not outlive this process, even if SIGKILL ends it: child processes and their files. One
 * shell waits for our end of its pipe to close and clears up then.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Each line is the whole list of pids, so the last one counts when the pipe closes.
const WATCH = 'alive=; while read -r line; do alive=$line; done; [ -z "$alive" ] || kill -9 $alive; rm -rf "$0"'

interface Guard { home: string; pids: Set<number>; shell: ChildProcess }

let guard: Guard | undefined

/** A new directory (mode 0700) that is removed at our end at the latest. */
export function guardedDirectory(): string {
  return mkdtempSync(join(theGuard().home, 'd-'))
}

/** Call it right after the spawn. A child that has ended is forgotten, so that its pid may be used again. */
export function guardChild(child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined) return
  const { pids, shell } = theGuard()
  // A pipe with room takes the line before write() returns: it is not lost if we die right after it.
  const tell = (): void => { shell.stdin!.write(`${[...pids].join(' ')}\n`) }
  pids.add(pid)
  tell()
  child.once('exit', () => {
    pids.delete(pid)
    tell()
  })
}

function theGuard(): Guard {
  return guard ??= startGuard()
}

function startGuard(): Guard {
  const home = mkdtempSync(join(tmpdir(), 'stratacache-'))
  // In a group of its own: who kills ours, as the test runner does at a deadline, leaves it to clear up.
  const shell = spawn('/bin/sh', ['-c', WATCH, home], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
  // It is no reason for this process to live on.
  shell.unref()
  ;(shell.stdin as unknown as { unref(): void }).unref()
  shell.stdin!.on('error', () => {})
  return { home, pids: new Set(), shell }
}
