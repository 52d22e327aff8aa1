/** One redis-server process of our own, from its configuration to its first answer. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { guardChild } from './process-guard'
import { redisProgram } from './redis-program'

const DEADLINE_MS = 20_000
const MAX_OUTPUT = 20_000

export interface Launch {
  /** Its working directory, which also gets its redis.conf unless there is one. */
  dir: string
  /** Lines of redis.conf. */
  config: readonly string[]
  isReady(): Promise<boolean>
  /** Further words of the command line. */
  args?: readonly string[]
}

/** It answers when this resolves; if it ends or stays silent instead, the error holds what it printed. */
export async function launchRedis({ dir, config, isReady, args = [] }: Launch): Promise<ChildProcess> {
  const file = join(dir, 'redis.conf')
  // A sentinel keeps its state in its configuration, so a second start must find the file as it is.
  try {
    writeFileSync(file, config.map((line) => `${line}\n`).join(''), { flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const child = spawn(redisProgram().command, [file, ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] })
  guardChild(child)
  let output = ''
  const keep = (text: string): void => { output = (output + text).slice(-MAX_OUTPUT) }
  child.stdout.setEncoding('utf8').on('data', keep)
  child.stderr.setEncoding('utf8').on('data', keep)
  child.on('error', ({ message }) => keep(message))
  const endMs = performance.now() + DEADLINE_MS
  while (!await isReady()) {
    const isGone = child.pid === undefined || hasEnded(child)
    if (isGone || performance.now() > endMs) {
      if (!isGone) await endRedis(child, 'SIGKILL')
      throw new Error(`redis-server ${isGone ? 'ended' : `gave no answer in ${DEADLINE_MS} ms`}:\n${output}`)
    }
    await pause(5)
  }
  return child
}

export const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null

/** Resolves when it is gone. */
export async function endRedis(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (hasEnded(child)) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
