/** What a cache is set to for a kind of use, as one would write it in `createCache`. What is given there stands over it. */
import type { OptionsAt, Preset } from './schema'

export const PRESETS = {
  /** Every failure is seen at once, and nothing lasts long. */
  development: { memory: '32mb', maxTtl: '10m', jitter: 0, errorTtl: 0, hardTimeout: '30s' },
  /** Nothing is left to chance, and little memory is touched. */
  test: { memory: '4mb', jitter: 0, errorTtl: 0, hardTimeout: '10s', l2: { heartbeat: '100ms', closeTimeout: '10s' } },
  /** The source may be slow or away for hours, and callers hardly notice. */
  production: { memory: '256mb', grace: '6h', timeout: '200ms', hardTimeout: '10s', refreshAhead: 0.8, negativeTtl: '30s' },
  /** Little memory, far from the source: stale is served at once and loaded behind. */
  edge: { memory: '16mb', grace: '24h', timeout: 0, hardTimeout: '10s', refreshAhead: 0.8, negativeTtl: '1m', l2: { softTimeout: '50ms', hardTimeout: '500ms' } },
  /** Throughput before latency: loads take their time, writes wait for company. */
  batch: { memory: '256mb', leaseTimeout: '10m', backgroundTimeout: '10m', l2: { hardTimeout: '5s', batchDelay: '20ms', closeTimeout: '1m' } },
} as const satisfies Record<Preset, Omit<OptionsAt<'cache'>, 'preset'>>
