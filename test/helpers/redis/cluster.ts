/** A Redis Cluster on loopback: three primaries, a replica for each. */
import { eventually } from './eventually'
import { type RedisOptions, RedisServer } from './server'
import { SlotMove } from './slot-move'

const PRIMARIES = 3
const SLOTS = 16_384
/** So long a node may be silent. Shorter ones make a busy machine fail over by itself. */
const NODE_TIMEOUT_MS = 1_500
/** So soon a node has heard of the epochs of all others, if it is alive. */
const EPOCH_HEARD_MS = 2_000
/** After 5 s a node gives up a failover that it was asked for. */
const MANUAL_FAILOVER_MS = 6_000

export class RedisCluster {
  readonly #idByNode = new Map<RedisServer, string>()

  private constructor(readonly nodes: readonly RedisServer[]) {}

  /** All nodes find it in order when this resolves. `options` are those of every node. */
  static async start(options: RedisOptions = {}): Promise<RedisCluster> {
    const config = {
      'cluster-enabled': 'yes', 'cluster-node-timeout': NODE_TIMEOUT_MS, 'cluster-replica-validity-factor': 0,
      // A replica is listed once it has received something, if only a ping.
      'repl-ping-replica-period': 1,
      // The replicas stay with their primaries.
      'cluster-allow-replica-migration': 'no',
      ...options.config,
    }
    const started = await Promise.allSettled(Array.from({ length: 2 * PRIMARIES }, () => RedisServer.start({ ...options, config })))
    const cluster = new RedisCluster(started.flatMap((result) => result.status === 'fulfilled' ? [result.value] : []))
    try {
      for (const result of started) if (result.status === 'rejected') throw result.reason
      await cluster.#form()
      return cluster
    } catch (error) {
      await cluster.remove()
      throw error
    }
  }

  /** Where clients begin. */
  get addresses(): { host: string; port: number }[] {
    return this.nodes.map(({ host, port }) => ({ host, port }))
  }

  get running(): RedisServer[] {
    return this.nodes.filter((node) => node.isRunning)
  }

  /** The primary that has a slot or the slot of a key, by the word of any running node. */
  async ownerOf(slotOrKey: number | string): Promise<RedisServer> {
    const slot = typeof slotOrKey === 'number' ? slotOrKey : await this.slotOf(slotOrKey)
    const shards = await this.running[0]!.ask('CLUSTER', 'SLOTS') as [number, number, [string, number]][]
    const shard = shards.find(([first, last]) => first <= slot && slot <= last)
    const owner = shard && this.nodes.find(({ port }) => port === shard[2][1])
    if (!owner) throw new Error(`slot ${slot} has no owner`)
    return owner
  }

  async slotOf(key: string): Promise<number> {
    return Number(await this.running[0]!.ask('CLUSTER', 'KEYSLOT', key))
  }

  /** The running replicas of a primary. */
  async replicasOf(primary: RedisServer): Promise<RedisServer[]> {
    const ports = await Promise.all(this.running.map((node) => node.info('master_port')))
    return this.running.filter((_, i) => Number(ports[i]) === primary.port)
  }

  /** Begins to move a slot; until `finish` its owner answers ASK for keys that are gone. */
  async beginMove(slot: number, to: RedisServer): Promise<SlotMove> {
    const from = await this.ownerOf(slot)
    return SlotMove.begin(slot, this.#partyOf(from), this.#partyOf(to))
  }

  /** Moves slots with all their keys from their owner; resolves when every node knows it. */
  async reshard(slots: readonly number[], from: RedisServer, to: RedisServer): Promise<void> {
    const moves: SlotMove[] = []
    for (const slot of slots) {
      const move = await SlotMove.begin(slot, this.#partyOf(from), this.#partyOf(to))
      await move.moveKeys()
      await move.finish()
      moves.push(move)
    }
    await this.#known(moves, to)
    await this.settled()
  }

  /** SIGKILL; resolves at once, the cluster notices later: see `settled`. */
  killNode(node: RedisServer): Promise<void> {
    return node.kill()
  }

  /** Makes a replica the primary of its shard, in order or, with its primary dead, by force. */
  async failover(replica: RedisServer): Promise<void> {
    const primaryPort = Number(await replica.info('master_port'))
    const isPrimaryAlive = this.running.some(({ port }) => port === primaryPort)
    let askedMs = -Infinity
    await eventually(`the replica on port ${replica.port} becomes primary`, async () => {
      if (await replica.info('role') === 'master') return true
      if (performance.now() - askedMs > MANUAL_FAILOVER_MS) {
        askedMs = performance.now()
        await replica.ask('CLUSTER', 'FAILOVER', ...isPrimaryAlive ? [] : ['TAKEOVER'])
      }
      return false
    })
    await this.settled()
  }

  /** Resolves when all running nodes find the cluster in order, name the same owners and replicas, and running replicas follow. */
  async settled(): Promise<void> {
    await eventually('the cluster is in order', async () => {
      const views = await Promise.all(this.running.map(viewOf))
      return views.every(({ isOk, owners }) => isOk && owners === views[0]!.owners) && this.#ownersRun(views[0]!.owners)
    })
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()))
  }

  async #form(): Promise<void> {
    const [first, ...others] = this.nodes
    for (const [i, node] of this.nodes.entries()) {
      this.#idByNode.set(node, String(await node.ask('CLUSTER', 'MYID')))
      await node.ask('CLUSTER', 'SET-CONFIG-EPOCH', i + 1)
    }
    const primaries = this.nodes.slice(0, PRIMARIES)
    const bound = (i: number): number => Math.round(i * SLOTS / PRIMARIES)
    await Promise.all(primaries.map((node, i) => node.ask('CLUSTER', 'ADDSLOTSRANGE', bound(i), bound(i + 1) - 1)))
    for (const node of others) {
      const { host, port, config } = node
      const bus = config.find((line) => line.startsWith('cluster-port '))!.split(' ')[1]!
      await first!.ask('CLUSTER', 'MEET', host, port, bus)
    }
    await eventually('all nodes know each other', async () =>
      (await Promise.all(this.nodes.map((node) => this.#knowsAll(node)))).every(Boolean))
    await Promise.all(this.nodes.slice(PRIMARIES).map((node, i) => node.ask('CLUSTER', 'REPLICATE', this.#idByNode.get(primaries[i]!)!)))
    // Known to all, or a failover finds neither its primary nor votes.
    await eventually('every primary has its replica', async () =>
      (await Promise.all(this.nodes.map(viewOf))).every(({ owners }) => (JSON.parse(owners) as Range[]).every((range) => range.length === 4)))
    await this.settled()
  }

  async #knowsAll(node: RedisServer): Promise<boolean> {
    const known = String(await node.ask('CLUSTER', 'NODES'))
    return [...this.#idByNode.values()].every((id) => known.includes(id)) && !known.includes('handshake')
  }

  /** Resolves when all nodes know who has the slots now. */
  async #known(moves: readonly SlotMove[], owner: RedisServer): Promise<void> {
    let askedMs = performance.now()
    await eventually('all nodes know the new owner', async () => {
      const owners = (await Promise.all(this.running.map(viewOf))).map((view) => ownersBySlot(view.owners))
      const unknown = moves.filter(({ slot }) => owners.some((bySlot) => bySlot(slot) !== owner.port))
      // Who has not heard of the former owner's epoch takes a slot under one that is too low, and may lose it to nobody.
      if (unknown.length > 0 && performance.now() - askedMs > EPOCH_HEARD_MS) {
        askedMs = performance.now()
        await owner.ask('CLUSTER', 'BUMPEPOCH')
        for (const move of unknown) await move.finish()
      }
      return unknown.length === 0
    })
  }

  #ownersRun(owners: string): boolean {
    const ports = new Set((JSON.parse(owners) as Range[]).map(([, , port]) => port))
    return [...ports].every((port) => this.running.some((node) => node.port === port))
  }

  #partyOf(server: RedisServer) {
    return { server, id: this.#idByNode.get(server)! }
  }
}

type Range = [first: number, last: number, ownerPort: number, ...replicaPorts: number[]]

async function viewOf(node: RedisServer): Promise<{ isOk: boolean; owners: string }> {
  const [state, slots, role, link] = await Promise.all(
    [node.ask('CLUSTER', 'INFO'), node.ask('CLUSTER', 'SLOTS'), node.info('role'), node.info('master_link_status')])
  const ranges = (slots as [first: number, last: number, owner: [string, number], ...replicas: [string, number][]][]).map(([first, last, owner, ...replicas]): Range =>
    [first, last, owner[1], ...replicas.map(([, port]) => port).sort((a, b) => a - b)])
  ranges.sort(([a], [b]) => a - b)
  const isOk = /cluster_state:ok/.test(String(state)) && (role === 'master' || link === 'up')
  return { isOk, owners: JSON.stringify(ranges) }
}

function ownersBySlot(owners: string): (slot: number) => number | undefined {
  const ranges = JSON.parse(owners) as Range[]
  return (slot) => ranges.find(([first, last]) => first <= slot && slot <= last)?.[2]
}

/** A cluster for `body`, removed after it whatever happens. */
export async function withCluster<T>(options: RedisOptions, body: (cluster: RedisCluster) => Promise<T>): Promise<T> {
  const cluster = await RedisCluster.start(options)
  try {
    return await body(cluster)
  } finally {
    await cluster.remove()
  }
}
