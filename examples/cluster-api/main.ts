// The example: several processes and threads serve pages from one cache.
import cluster from 'node:cluster'
import { runPrimary } from './primary'
import { runWorker } from './worker'

if (cluster.isPrimary) runPrimary()
else runWorker()
