/**
 * Fleet versions: sequence * 1024 + salt, below 2^52. The salt is random per batch, so that two
 * histories of a partition that used the same sequence numbers have different versions.
 */
import { randomInt } from 'node:crypto'

export const SALTS = 1024
export const MAX_SEQ = 2 ** 42 - 1

export function versionOf(seq: number, salt: number): number {
  return seq * SALTS + salt
}

export function seqOf(version: number): number {
  return Math.floor(version / SALTS)
}

export function randomSalt(): number {
  return randomInt(SALTS)
}

/** Names a history of a partition. 1 to 2^48 - 1. */
export function randomEpoch(): number {
  return randomInt(1, 2 ** 48 - 1)
}
