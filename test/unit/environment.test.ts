import * as assert from 'node:assert/strict'
import { optionsIn, variableOf } from '../../src/options/environment'
import { PRESETS } from '../../src/options/presets'
import { cacheOptions } from '../../src/options/settings'
import { suite } from '../helpers/suite'

const refused = (env: NodeJS.ProcessEnv, message: RegExp): void => assert.throws(() => cacheOptions({}, env), { code: 'ERR_CACHE_OPTION', message })

suite('options from the environment', (test) => {
  test('a variable has the name of its option, words apart', () => {
    assert.equal(variableOf('averageEntryBytes'), 'STRATACACHE_AVERAGE_ENTRY_BYTES')
    assert.equal(variableOf('l2.hardTimeout'), 'STRATACACHE_L2_HARD_TIMEOUT')
  })

  test('text, numbers, switches, fields and JSON are read', () => {
    const options = cacheOptions({}, {
      STRATACACHE_NAME: '42', STRATACACHE_TTL: '5m', STRATACACHE_JITTER: '0', STRATACACHE_FORCE_FRESH: 'true', STRATACACHE_MAX_TTL: 'Infinity',
      STRATACACHE_MEMORY: '2097152', STRATACACHE_SLIDING: '{"idle":"5s"}', STRATACACHE_REFRESH_AHEAD: '0.8', STRATACACHE_ADAPTIVE_TTL_MIN: '2s',
      STRATACACHE_L2_HARD_TIMEOUT: '500ms', STRATACACHE_L2_FOREIGN_WRITERS: 'true', STRATACACHE_L0: 'false', STRATACACHE_GRACE: '',
    })
    assert.equal(options.name, '42')
    assert.equal(options.ttl, 300_000)
    assert.equal(options.jitter, 0)
    assert.equal(options.forceFresh, true)
    assert.equal(options.maxTtl, Number.POSITIVE_INFINITY)
    assert.equal(options.memory, 2_097_152)
    assert.deepEqual(options.sliding, { idleMs: 5_000, maxMs: undefined })
    assert.deepEqual(options.refreshAhead, { fraction: 0.8 })
    assert.equal(options.adaptiveTtl.minMs, 2_000)
    assert.equal(options.l2.hardTimeoutMs, 500)
    assert.equal(options.l2.foreignWriters, true)
    assert.equal(options.l0, false)
    assert.equal(options.grace, 0)
  })

  test('what is given stands over the environment, that over the preset, fields one by one', () => {
    const env = { STRATACACHE_PRESET: 'edge', STRATACACHE_GRACE: '1h', STRATACACHE_MEMORY: '8mb', STRATACACHE_L2_SOFT_TIMEOUT: '10ms' }
    const options = cacheOptions({ memory: '4mb', ttl: undefined, l2: { heartbeat: '1s' } }, env)
    assert.equal(options.memory, 4 * 1024 * 1024)
    assert.equal(options.grace, 3_600_000)
    assert.equal(options.timeout, PRESETS.edge.timeout)
    assert.deepEqual([options.l2.softTimeoutMs, options.l2.hardTimeoutMs, options.l2.heartbeatMs], [10, 500, 1_000])
    assert.equal(cacheOptions({ preset: 'test' }, env).jitter, 0)
  })

  test('a bad value is refused by the name of its variable, and JSON is not shown', () => {
    refused({ STRATACACHE_TTL: 'soon' }, /^STRATACACHE_TTL must be .* got "soon"$/)
    refused({ STRATACACHE_PRESET: 'prod' }, /^STRATACACHE_PRESET must be/)
    refused({ STRATACACHE_L2_HEARTBEAT: '1ms' }, /^STRATACACHE_L2_HEARTBEAT must be/)
    refused({ STRATACACHE_L2_HART_TIMEOUT: '1s' }, /^STRATACACHE_L2_HART_TIMEOUT: .*Did you mean hardTimeout\?/)
    refused({ STRATACACHE_REDIS: '{"password":"hunter2"' }, /^(?!.*hunter2)STRATACACHE_REDIS begins as JSON/)
    refused({ STRATACACHE_REDIS: 'http://:hunter2@host' }, /^(?!.*hunter2)STRATACACHE_REDIS must be/)
  })

  test('a variable that names no option is told to the logger', () => {
    const told: object[] = []
    const tell = (fields: object): void => void told.push(fields)
    cacheOptions({ logger: { debug() {}, info() {}, warn: tell, error() {} } }, { STRATACACHE_TLT: '5m', STRATACACHE_L1: 'process', STRATACACHE_LOGGER: 'x', OTHER: '1' })
    assert.deepEqual(told, [{ variable: 'STRATACACHE_TLT' }, { variable: 'STRATACACHE_LOGGER' }])
    assert.deepEqual(optionsIn({}).unknown, [])
  })

  for (const [name, preset] of Object.entries(PRESETS)) {
    test(`the preset ${name} is what options may be`, () => {
      const options = cacheOptions({ preset: name as keyof typeof PRESETS })
      assert.equal(options.preset, name)
      assert.ok(Object.keys(preset).length > 0)
    })
  }
})
