/** One slot of a cluster on its way from node to node, in the steps that clients may meet. */
import type { RedisServer } from './server'

const KEYS_AT_ONCE = 500
const TIMEOUT_MS = 10_000

interface Party { server: RedisServer; id: string }

export class SlotMove {
  private constructor(readonly slot: number, readonly from: Party, readonly to: Party) {}

  /** From now on the old owner answers ASK for keys it has not, and the new one serves who comes with ASKING. */
  static async begin(slot: number, from: Party, to: Party): Promise<SlotMove> {
    await to.server.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
    await from.server.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
    return new SlotMove(slot, from, to)
  }

  /** Moves so many keys of the slot, all by default; returns how many went. */
  async moveKeys(most = Infinity): Promise<number> {
    const { host, port } = this.to.server
    let moved = 0
    while (moved < most) {
      const keys = await this.from.server.ask('CLUSTER', 'GETKEYSINSLOT', this.slot, Math.min(KEYS_AT_ONCE, most - moved)) as string[]
      if (keys.length === 0) break
      await this.from.server.ask('MIGRATE', host, port, '', 0, TIMEOUT_MS, 'REPLACE', 'KEYS', ...keys)
      moved += keys.length
    }
    return moved
  }

  /** Hands the slot over; the others hear of it from the new owner. */
  async finish(): Promise<void> {
    for (const { server } of [this.to, this.from]) await server.ask('CLUSTER', 'SETSLOT', this.slot, 'NODE', this.to.id)
  }
}
