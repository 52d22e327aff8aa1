/** Several hosts that read and write the same few keys, for histories to judge. */
import { seed } from '../seed'
import { converged } from './converged'
import type { Operation } from './history'
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

/** All hosts show the same, after a last write: else a clear may be the last of all, and nothing be left to agree on. */
export async function agreed(hosts: readonly Host[], hasClears = false): Promise<void> {
  const namespace = hasClears ? NAMESPACE : undefined
  await hosts[0]!.processes[0]!.ask('call', 'set', [KEYS[0], 'after all'], namespace)
  await converged(hosts, KEYS, namespace)
}

/** Which keys are played with. */
export const playedKeys: readonly string[] = KEYS
