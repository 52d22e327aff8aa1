// Random histories of loads and changes: nothing outdated is ever stored, and nobody is answered
// with what was outdated when they asked.
import * as assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import * as fc from 'fast-check'
import { ProcessL1 } from '../../src/l1/process-table'
import { DEFAULT_TERMS } from '../../src/options/settings'
import { Flights } from '../../src/sync/flights'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const FOR_EVER = { ttlMs: 0, graceMs: 0 }

type Step =
  | { op: 'load'; isolate: number; forceFresh: boolean }
  | { op: 'change'; how: 'set' | 'delete' | 'expire' | 'clear' }
  | { op: 'finish'; which: number; outcome: 'value' | 'nothing' | 'error' }
  | { op: 'turn' }

class World {
  readonly #table = new ProcessL1({ memory: 1024 * 1024 })
  readonly #view = this.#table.root.child('n')
  readonly #isolates = [new Flights(this.#table), new Flights(this.#table)]
  /** Loads that run, each with what its source gave when it began. */
  readonly #runs: { finish: (outcome: 'value' | 'nothing' | 'error') => void }[] = []
  #sourceVersion = 1
  readonly #wrong: string[] = []
  #waiting = 0

  async take(step: Step): Promise<void> {
    if (step.op === 'load') this.#load(step)
    else if (step.op === 'change') this.#change(step.how)
    else if (step.op === 'finish') this.#runs.splice(step.which % (this.#runs.length || 1), 1)[0]?.finish(step.outcome)
    else await turn()
    this.#check()
  }

  /** Lets everything end, and checks what is left. */
  async end(): Promise<void> {
    await until('every caller has its answer', () => {
      for (const run of this.#runs.splice(0)) run.finish('value')
      this.#check()
      return this.#waiting === 0
    })
    this.#check()
    for (const flights of this.#isolates) flights.close()
    this.#table.close()
  }

  #check(): void {
    const stored = this.#view.get('k')
    if (stored !== undefined) assert.equal(stored, this.#sourceVersion)
    assert.deepEqual(this.#wrong, [])
  }

  #load({ isolate, forceFresh }: { isolate: number; forceFresh: boolean }): void {
    const askedAt = this.#sourceVersion
    this.#waiting++
    const terms = { ...DEFAULT_TERMS, errorTtlMs: 0, leaseMs: 3_600_000, forceFresh }
    this.#isolates[isolate]!.load({ view: this.#view, key: 'k', loader: () => this.#read(), terms }).then(
      (value) => {
        this.#waiting--
        if (value !== undefined && (value as number) < askedAt) this.#wrong.push(`asked at ${askedAt}, got ${value}`)
      },
      (error: Error) => {
        this.#waiting--
        if (error.message !== 'down') this.#wrong.push(error.message)
      },
    )
  }

  #read(): Promise<number | undefined> {
    const version = this.#sourceVersion
    return new Promise((resolve, reject) => {
      const finish = (outcome: 'value' | 'nothing' | 'error'): void => {
        if (outcome === 'error') reject(new Error('down'))
        else resolve(outcome === 'value' ? version : undefined)
      }
      this.#runs.push({ finish })
    })
  }

  #change(how: 'set' | 'delete' | 'expire' | 'clear'): void {
    this.#sourceVersion++
    if (how === 'set') this.#view.set('k', this.#sourceVersion, FOR_EVER)
    else if (how === 'delete') this.#view.delete('k')
    else if (how === 'expire') this.#view.expire('k')
    else this.#table.root.clear()
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('load' as const), isolate: fc.nat(1), forceFresh: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('change' as const), how: fc.constantFrom('set', 'delete', 'expire', 'clear') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('finish' as const),
      which: fc.nat(5),
      outcome: fc.constantFrom('value', 'value', 'nothing', 'error'),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ op: 'turn' as const }) },
)

suite('flights at random', (test) => {
  test('no history stores what is outdated or answers with what was', async () => {
    const property = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 80 }), async (history) => {
      const world = new World()
      for (const each of history) await world.take(each)
      await world.end()
    })
    await fc.assert(property, { seed, numRuns: 300 })
  })
})
