import * as assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writer } from '../../src/l2/writer'
import { configFor, ORIGIN, Records, within } from '../helpers/l2'
import { freePort, withRedis } from '../helpers/redis-once'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

suite('l2 over TLS and unix sockets', (test) => {
  test('a certificate is verified; with its authority writes go through', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stratacache-tls-'))
    const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
    const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'])
    assert.equal(made.status, 0, String(made.stderr))
    const port = await freePort()
    await withRedis(async () => {
      const trusting = new Writer(configFor({ host: 'localhost', port, tls: { ca: readFileSync(cert, 'utf8'), servername: 'localhost' } }), { origin: ORIGIN })
      const strict = new Writer(configFor(`rediss://localhost:${port}`), { origin: ORIGIN })
      try {
        await until('a write is applied', async () => (await trusting.write([new Records().make('k')], within(500)))[0]!.results[0]!.state !== 'unsent')
        const [outcome] = await strict.write([new Records().make('k')], within(500))
        assert.equal(outcome!.results[0]!.state, 'unsent')
      } finally {
        await trusting.close()
        await strict.close()
      }
    }, '--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no')
    rmSync(dir, { recursive: true, force: true })
  })

  test('a unix socket is a path', () => {
    const path = join(mkdtempSync(join(tmpdir(), 'stratacache-unix-')), 'redis.sock')
    return withRedis(async () => {
      const writer = new Writer(configFor(path), { origin: ORIGIN })
      const [outcome] = await writer.write([new Records().make('k')], within(2000))
      assert.equal(outcome!.results[0]!.state, 'applied')
      await writer.close()
    }, '--unixsocket', path)
  })
})
