/** Ports for servers of our own. */
import { once } from 'node:events'
import { createServer } from 'node:net'

// Below what systems give to outgoing connections, so that a server that is down for a while finds
// its port free when it comes back.
const FIRST = 12_000
const COUNT = 20_000

/** A port on which nobody listens now, on 127.0.0.1. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if (await isFree(port)) return port
  }
  throw new Error(`found no free port among ${FIRST}..${FIRST + COUNT - 1}`)
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer()
  try {
    probe.listen(port, '127.0.0.1')
    await once(probe, 'listening')
  } catch {
    return false
  }
  probe.close()
  await once(probe, 'close')
  return true
}
