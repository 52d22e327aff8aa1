/** What happened in a partition since a moment, as far as its log tells. */
import type { CatchUp } from './catch-up'
import type { Change, FarHistory } from './contract'

const MAX_MESSAGES = 4096

export class History implements FarHistory {
  readonly #catchUp: CatchUp

  constructor(catchUp: CatchUp) {
    this.#catchUp = catchUp
  }

  async changesSince(partition: number, epoch: number, seq: number, deadlineMs: number): Promise<readonly Change[] | 'gone' | 'over' | undefined> {
    const told = await this.#catchUp.states([partition], deadlineMs)
    if (!told.states.has(partition)) return undefined
    const state = told.states.get(partition)
    if (state === undefined) return []
    if (epoch > 0 && state.epoch !== epoch) return 'over'
    if (state.seq <= seq) return []
    const messages = (await this.#catchUp.logs(new Map([[partition, seq]]), MAX_MESSAGES, deadlineMs)).get(partition)
    if (messages === undefined) return undefined
    const later = messages.filter((message) => message.epoch === state.epoch && message.seqLast > seq)
    const first = later[0]
    const isWhole = first !== undefined && (first.seqFirst <= seq + 1 || first.isFirst) && later.at(-1)!.seqLast >= state.seq
    if (!isWhole) return 'gone'
    return later.flatMap(({ events, origin }) => events.flatMap((event): Change[] => {
      if (event.kind === 0 || event.kind === 5) return []
      const { version, kind, namespace, key } = event
      return [{ partition, version, kind, namespace, key, origin }]
    }))
  }
}
