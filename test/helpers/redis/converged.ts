import * as assert from 'node:assert/strict'
import { until } from '../until'
import type { HostProcess } from './host-process'
import type { Host } from './hosts'

const DEADLINE_MS = 30_000

/**
 * Resolves to the values of the keys when all processes of all hosts have the same, which are those that the last host
 * finds in Redis: it has had no process so far.
 */
export async function converged(hosts: readonly Host[], keys: readonly string[], namespace?: string): Promise<unknown[]> {
  const newcomer = await hosts.at(-1)!.addProcess()
  const processes = hosts.flatMap((host) => host.processes)
  const read = (process: HostProcess): Promise<unknown[]> => process.ask('call', 'getMany', [keys], namespace) as Promise<unknown[]>
  let views: string[] = []
  const agree = async (): Promise<boolean> => {
    views = (await Promise.all(processes.map(read))).map((values) => JSON.stringify(values))
    return new Set(views).size === 1
  }
  await until('all hosts agree', agree, DEADLINE_MS).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${views.map((view, index) => `${processes[index]!.name}: ${view}`).join('\n')}`)
  })
  const values = await read(newcomer)
  assert.ok(values.some((value) => value !== undefined), 'something is left to agree on')
  return values
}
