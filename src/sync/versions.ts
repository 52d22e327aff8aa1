/**
 * What callers see as the version of an entry when Redis is behind the table.
 *
 * Below 2^52 it is the fleet version: what Redis gave the write, the same on every host. From 2^52 on it names a write of
 * this host by its mark: one that was not answered yet when it was asked for. Both are good for `ifVersion`; when it is
 * used, the latter becomes the former.
 */
import type { Journal, Mark } from '../journal/contract'
import type { L1Entry } from '../l1/table'
import type { Positions } from '../l2/contract'

export const FIRST_PENDING_VERSION = 2 ** 52

/** Of a version of Redis: sequence * 1024 + salt. */
export const SALTS = 1024

/** The highest version of a partition whose news the host has had, those before it too; 0 where it has heard of none. */
export function heardUpTo({ seqs, epochs }: Pick<Positions, 'seqs' | 'epochs'>, partition: number): number {
  return epochs[partition]! > 0 ? seqs[partition]! * SALTS + SALTS - 1 : 0
}

export function versionOfMark(mark: Mark): number {
  return FIRST_PENDING_VERSION + mark
}

export function isOfMark(version: number): boolean {
  return version >= FIRST_PENDING_VERSION
}

export function markOf(version: number): Mark {
  return version - FIRST_PENDING_VERSION
}

/** Undefined where only Redis can tell. */
export function versionOfEntry(journal: Journal, { fleet }: Pick<L1Entry, 'fleet'>): number | undefined {
  if (fleet === undefined) return undefined
  if (fleet.mark === 0) return fleet.version > 0 ? fleet.version : undefined
  const answer = journal.answerOf(fleet.mark)
  if (answer === undefined) return versionOfMark(fleet.mark)
  return answer.result === 'stored' && answer.version > 0 ? answer.version : undefined
}

/** Whether Redis is known to have given the write at least that version; false also where that is forgotten. */
export function isKnownFrom(journal: Journal, mark: Mark, version: number): boolean {
  const answer = journal.answerOf(mark)
  return answer?.result === 'stored' && answer.version >= version
}
