/** Switches tiers off while the cache runs: `cache.features`. */
import { NO_SKIPS, type SkippedTier, type Skips } from '../options/values'
import { describe, misuse } from '../words/errors'

/**
 * Which tiers the reads of this cache use and its loads fill. Of this process (this `Cache`) alone: the rest of the host goes
 * on as it was. Writes and deletes still go to every tier, so that no one is left with what was before.
 */
export class Features {
  readonly #onChange: () => void
  #off: Skips = NO_SKIPS

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** Throws ERR_CACHE_ARGUMENT for what is no tier. */
  set(tier: SkippedTier, isOn: boolean): void {
    this.#check(tier)
    if (typeof isOn !== 'boolean') throw misuse('ERR_CACHE_ARGUMENT', tier, 'true or false', isOn)
    this.#off = { ...this.#off, [tier]: !isOn }
    this.#onChange()
  }

  get(tier: SkippedTier): boolean {
    this.#check(tier)
    return !this.#off[tier]
  }

  get isAnyOff(): boolean {
    return Object.values(this.#off).includes(true)
  }

  /** What is passed over, with what the call passes over itself. */
  over(skips: Skips): Skips {
    const off = this.#off
    return { l0: skips.l0 || off.l0, l1: skips.l1 || off.l1, disk: skips.disk || off.disk, l2: skips.l2 || off.l2 }
  }

  #check(tier: SkippedTier): void {
    if (Object.hasOwn(NO_SKIPS, tier)) return
    const hint = (tier as string) === 'bus' ? ': hosts that miss a message fetch what it told' : ''
    throw misuse('ERR_CACHE_ARGUMENT', 'tier', `'l0', 'l1', 'disk' or 'l2'${hint}`, describe(tier))
  }
}
