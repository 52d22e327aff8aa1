/** Finds, makes or adopts the journal of a region. */
import { randomBytes } from 'node:crypto'
import { loadNative } from '../l1/native'
import type { NativeJournal } from '../l1/native-journal'
import { callNative } from '../l1/shared-isolate'
import { SharedJournal, type SharedJournalOptions } from './shared-journal'

/** Throws ERR_CACHE_NATIVE_MISSING, or ERR_CACHE_REGION when the file cannot be made or attached. */
export function openSharedJournal(options: SharedJournalOptions): SharedJournal {
  return new SharedJournal(nativeOf(options, false)!, options)
}

/**
 * A journal of a life of the cache whose region is gone, and that nobody uses any more; this isolate alone has it from then on.
 * Undefined if there is none. Throws as above.
 */
export function adoptSharedJournal(options: SharedJournalOptions): SharedJournal | undefined {
  const native = nativeOf({ ...options, regionId: randomBytes(8).toString('hex') }, true)
  return native === undefined ? undefined : new SharedJournal(native, options)
}

/** The host ids of all journals of the cache in its directory, whatever their region. */
export function sharedJournalHosts({ dir, name }: SharedJournalOptions): string[] {
  return loadNative().journalHosts(dir ?? '', name)
}

function nativeOf({ dir, name, bytes, lanes, letterBytes, regionId }: SharedJournalOptions, onlyAdopts: boolean): NativeJournal | undefined {
  return callNative(() =>
    loadNative().openJournal({ dir: dir ?? '', name, bytes, lanes: lanes ?? 32, letterBytes: letterBytes ?? 256 * 1024, regionId: regionId ?? '', onlyAdopts }),
  )
}
