/** Short troubles, one after the other, for as long as something runs. */
import type { FaultProxy } from './proxy'
import type { RedisServer } from './server'

/** `random` gives 0 to 1. Resolves when `isOver` and the last trouble has passed; tells how many there were of each kind. */
export async function trouble(
  server: RedisServer, proxies: readonly FaultProxy[], random: () => number, isOver: () => boolean,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const kinds: Record<string, (proxy: FaultProxy) => Promise<void> | void> = {
    cut: (proxy) => proxy.reset(),
    'cut within an answer': (proxy) => proxy.cutAfter('down', 1 + Math.floor(random() * 20_000)),
    'cut within a request': (proxy) => proxy.cutAfter('up', 1 + Math.floor(random() * 20_000)),
    'script flush': async () => void await server.ask('SCRIPT', 'FLUSH'),
    'client kill': () => killClients(server, random),
    stall: async (proxy) => {
      proxy.stall()
      await pause(50 + random() * 300)
      proxy.resume()
    },
    'lost messages': (proxy) => proxy.dropMessages(1 + Math.floor(random() * 50)),
  }
  const names = Object.keys(kinds)
  while (!isOver()) {
    await pause(50 + random() * 350)
    const kind = names[Math.floor(random() * names.length)]!
    counts[kind] = (counts[kind] ?? 0) + 1
    await kinds[kind]!(proxies[Math.floor(random() * proxies.length)]!)
  }
  await Promise.all(proxies.map((proxy) => proxy.heal()))
  return counts
}

/** About half of those that came over TCP: the test's own come over the socket. */
async function killClients(server: RedisServer, random: () => number): Promise<void> {
  const list = String(await server.ask('CLIENT', 'LIST'))
  const ids = [...list.matchAll(/^id=(\d+) addr=127\.0\.0\.1:/gm)].map(([, id]) => id!)
  for (const id of ids) {
    if (random() < 0.5) await server.ask('CLIENT', 'KILL', 'ID', id)
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
