// Loaded before all else into a process and its threads: the threads end at once.
import { isMainThread } from 'node:worker_threads'

if (!isMainThread) process.exit(7)
