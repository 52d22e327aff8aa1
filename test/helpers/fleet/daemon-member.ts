/** `stratacache daemon` as a member of the fleet: it leads and writes nothing. */
import { Daemon } from '../cli'
import type { Member } from './member-process'

export class DaemonMember implements Member {
  readonly isIdle = true
  readonly logBytes = 0
  failure: string | undefined
  readonly #daemon: Daemon
  #isWanted = true

  constructor(args: readonly string[]) {
    this.#daemon = new Daemon(args)
    void this.#daemon.ended().then((how) => {
      if (this.#isWanted) this.failure = `the daemon ${this.pid} ended with ${how}: ${this.#daemon.errors}`
    })
  }

  get pid(): number {
    return this.#daemon.pid
  }

  get isReady(): boolean {
    return this.#daemon.lines.some(({ event }) => event === 'lead')
  }

  allow(): void {}

  async kill(): Promise<void> {
    this.#isWanted = false
    await this.#daemon.kill()
  }
}
