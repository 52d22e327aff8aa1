/** One record of the journal within a process. */
import { Codec } from '../wire/codec'
import type { JournalWrite, Mark } from './contract'

export interface ProcessRecord {
  readonly write: JournalWrite
  readonly payload: Buffer
  readonly mark: Mark
  readonly bytes: number
  readonly preparedMs: number
  readonly softAtMs: number
  readonly hardAtMs: number
  /** `done`: answered or cancelled. */
  state: 'prepared' | 'committed' | 'superseded' | 'done'
  hostVersion: number
  nsEpoch: number
  opNumber: number
  /** What goes in its place. */
  by: ProcessRecord | undefined
  /** What Redis gave it. */
  version: number
}

/** The payload as bytes of its own. */
export function bytesOf({ codec, payload }: JournalWrite): Buffer {
  if (typeof payload !== 'string') return Buffer.from(payload)
  return Buffer.from(payload, codec === Codec.utf16 ? 'utf16le' : codec === Codec.utf8 ? 'utf8' : 'latin1')
}

/** Takes the place of earlier records of its key. */
export function isPlain({ op, condition, sourceVersion }: JournalWrite): boolean {
  return (op === 1 || op === 2) && condition === 0 && sourceVersion === 0
}

/** Nobody waits to learn whether its condition held. */
export function isReplaceable({ op, condition, sourceVersion }: JournalWrite): boolean {
  return op !== 5 && condition !== 1 && condition !== 2 && sourceVersion === 0
}
