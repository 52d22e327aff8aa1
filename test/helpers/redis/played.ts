/** Several hosts that read and write the same few keys, for histories to judge. */
import { seed } from '../seed'
import { converged } from './converged'
import { nowNs, type Operation } from './history'
import type { Play } from './host-player'
import type { Host } from './hosts'

const KEYS = Array.from({ length: 12 }, (_, index) => `key${index}`)
/** Of those that are cleared. */
const NAMESPACE = 'some'

type Scene = Pick<Play, 'ms' | 'modes' | 'writes' | 'deletes' | 'clears'>

/** What every process of the hosts did and saw. */
export async function played(hosts: readonly Host[], { clears, ...scene }: Scene): Promise<Operation[]> {
  const players = hosts.flatMap((host) => host.processes)
  const histories = await Promise.all(players.map((process, index) => process.ask('play', {
    ...scene, process: process.name, host: process.host, seed: seed + index, keys: KEYS, clears, lanes: 4,
    ...(clears > 0 ? { namespace: NAMESPACE } : {}),
  })))
  return histories.flat()
}

/**
 * All hosts show the same, after a last write, which is given: else a clear may be the last of all, and nothing be left to
 * agree on.
 */
export async function agreed(hosts: readonly Host[], hasClears = false): Promise<Operation> {
  const namespace = hasClears ? NAMESPACE : undefined
  const [host] = hosts
  const [process] = host!.processes
  const last = { process: process!.name, host: host!.name, key: KEYS[0]!, op: 'write', version: 0, value: '#after.1#', result: 'done', startNs: nowNs() } as const
  await process!.ask('call', 'set', [last.key, last.value], namespace)
  const endNs = nowNs()
  await converged(hosts, KEYS, namespace)
  return { ...last, endNs }
}

/** Which keys are played with. */
export const playedKeys: readonly string[] = KEYS
