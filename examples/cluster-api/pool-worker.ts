// A thread of the pool: answers searches from the same cache as every process.
import { threadId } from 'node:worker_threads'
import { searchFor } from './questions'
import { settings } from './settings'
import { openStore } from './store'
import type { Answer } from './store'

const store = openStore(settings.cacheKind, settings.cacheName)

export async function answerSearch(query: string): Promise<Answer & { thread: number }> {
  return { ...await store.answer(searchFor(query)), thread: threadId }
}
