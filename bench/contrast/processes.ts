/** What several processes of one host see of a cache; each process opens it for itself, under one name. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { guardChild } from '../process-guard'

export interface HostScenario {
  title: string
  run(contender: string, name: string): Promise<string | undefined>
}

/** What the processes are told to do; they answer with `{ value, runs }`. */
export type HostOrder = { act: 'load'; key: string; value: string; ms: number } | { act: 'get'; key: string } | { act: 'set'; key: string; value: string } | { act: 'hang'; key: string }

const COUNT = 4

class Member {
  readonly #child
  constructor(contender: string, name: string) {
    this.#child = fork(require.resolve('./member'), [contender, name], { stdio: 'inherit' })
    guardChild(this.#child)
  }

  async ready(): Promise<this> {
    await once(this.#child, 'message')
    return this
  }

  async tell(order: HostOrder): Promise<{ value: unknown; runs: number }> {
    this.#child.send(order)
    const [answer] = await once(this.#child, 'message')
    return answer as { value: unknown; runs: number }
  }

  send(order: HostOrder): void {
    this.#child.send(order)
  }

  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'exit')
    this.#child.kill(signal)
    await closed
  }
}

async function together(contender: string, name: string, body: (members: Member[]) => Promise<string | undefined>): Promise<string | undefined> {
  const members = await Promise.all(Array.from({ length: COUNT }, () => new Member(contender, name).ready()))
  try {
    return await body(members)
  } finally {
    await Promise.all(members.map((member) => member.end('SIGKILL')))
  }
}

export const HOST_SCENARIOS: readonly HostScenario[] = [
  {
    title: `${COUNT} processes ask for one cold key: the loader runs once`,
    run: (contender, name) => together(contender, name, async (members) => {
      const answers = await Promise.all(members.map((member) => member.tell({ act: 'load', key: 'k', value: 'v', ms: 100 })))
      const runs = answers.reduce((sum, answer) => sum + answer.runs, 0)
      return runs === 1 ? undefined : `${runs} runs`
    }),
  },
  {
    title: 'what one process loaded the others have',
    run: (contender, name) => together(contender, name, async (members) => {
      await members[0]!.tell({ act: 'load', key: 'k', value: 'v', ms: 0 })
      const { runs } = await members[1]!.tell({ act: 'load', key: 'k', value: 'w', ms: 0 })
      return runs === 0 ? undefined : 'each loads for itself'
    }),
  },
  {
    title: 'what one process changes the others no longer serve',
    run: (contender, name) => together(contender, name, async (members) => {
      for (const member of members) await member.tell({ act: 'load', key: 'k', value: 'old', ms: 0 })
      const { value } = await members[0]!.tell({ act: 'set', key: 'k', value: 'new' })
      if (value === 'unable') return 'has no set'
      const answers = await Promise.all(members.map((member) => member.tell({ act: 'load', key: 'k', value: 'later', ms: 0 })))
      const old = answers.filter((answer) => answer.value === 'old').length
      return old === 0 ? undefined : `${old} of ${COUNT} serve the old value`
    }),
  },
  {
    title: 'a process killed while it loads: another takes over',
    run: (contender, name) => together(contender, name, async (members) => {
      members[0]!.send({ act: 'hang', key: 'k' })
      const follower = members[1]!.tell({ act: 'load', key: 'k', value: 'v', ms: 0 })
      await members[0]!.end('SIGKILL')
      const { value } = await follower
      return value === 'v' ? undefined : `serves ${String(value)}`
    }),
  },
]
