/**
 * What every process of a host does while nobody hears for it what other hosts change.
 *
 * A leader that is stopped, but not dead, keeps the lead and hears nothing; one that has lost its connections, or died while
 * Redis was away and has no successor, has left word that the link is lost. While nobody hears and Redis answers, entries are
 * checked against it before they are used: what was checked is doubted again after each turn of the watch. While Redis does
 * not answer, they are served as they are; whether it does is asked, if nobody's reads tell.
 */
import type { Journal } from '../journal/contract'
import type { L1Table } from '../l1/table'
import { unlessClosed } from './flight'
import type { GuardedReader } from './guarded-reader'

/** Heartbeats without a sign. Of a link that is known to be lost, fewer. */
const SILENT_BEATS = 3
const LOST_BEATS = 2

/** One turn per heartbeat, until it is cleared. */
export function watchHearing(table: L1Table, journal: Journal, reader: GuardedReader, heartbeatMs: number): NodeJS.Timeout {
  let seenDoubt = 0
  let seenAnswers = 0
  const raise = (): void => void (seenDoubt = table.raiseDoubt())
  const look = (): void => {
    const { link, lastHeardMs } = journal.status
    const { hits = 0, misses = 0, same = 0 } = reader.stats()
    const answers = hits + misses + same
    const hasAnswers = answers > seenAnswers
    seenAnswers = answers
    const doubt = table.doubt()
    const isSilent = link !== 'never' && journal.nowMs() - lastHeardMs > (link === 'connected' ? SILENT_BEATS : LOST_BEATS) * heartbeatMs
    // One process of the host is enough: who sees that another has raised it waits for its next turn.
    if (!isSilent || doubt !== seenDoubt) seenDoubt = doubt
    else if (link === 'connected' || hasAnswers) raise()
    else void ask(doubt)
  }
  /** The breaker sees to it that one process of the host asks, once Redis has failed to answer some. */
  const ask = async (doubt: number): Promise<void> => {
    if (!(await reader.isAnswered(performance.now() + heartbeatMs))) return
    unlessClosed(() => {
      if (table.doubt() === doubt && journal.status.link !== 'connected') raise()
    })
  }
  return setInterval(look, heartbeatMs).unref()
}
