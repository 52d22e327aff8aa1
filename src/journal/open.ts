/** Chooses the journal that goes with a near tier: in shared memory beside the region, or within the process. */
import type { Journal } from './contract'
import { ProcessJournal } from './process-journal'
import type { SharedJournalOptions } from './shared-journal'

/** The journal's share of a cache's memory, in bytes. */
export function defaultJournalBytes(memory: number): number {
  return Math.min(Math.max(memory / 4, 16 * 1024 * 1024), 128 * 1024 * 1024)
}

/**
 * `kind`: that of the near tier, so that both are shared or neither is.
 *
 * Throws ERR_CACHE_NATIVE_MISSING, or ERR_CACHE_REGION when the file cannot be made or attached.
 */
export function openJournal(kind: 'shared' | 'process', options: SharedJournalOptions): Journal {
  if (kind === 'process') return new ProcessJournal(options)
  // Loaded late: a process that never shares never loads the binary.
  const { openSharedJournal } = require('./shared-open') as typeof import('./shared-open')
  return openSharedJournal(options)
}

/** A shared one that nobody uses any more, whose region is gone; undefined if there is none. Throws as above. */
export function adoptJournal(options: SharedJournalOptions): Journal | undefined {
  const { adoptSharedJournal } = require('./shared-open') as typeof import('./shared-open')
  return adoptSharedJournal(options)
}

/** Whose journals of the cache there are on this machine, by host id: of every region, whether anybody uses them or not. */
export function journalHosts(options: SharedJournalOptions): string[] {
  const { sharedJournalHosts } = require('./shared-open') as typeof import('./shared-open')
  return sharedJournalHosts(options)
}
