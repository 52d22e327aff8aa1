import * as assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { CopyFile, copyKey, namespaceClear } from '../../src/disk/copy-file'
import { type Copy, numberOf, readCopy, writeCopy } from '../../src/disk/record'
import { randomOf } from '../helpers/random'
import { seed } from '../helpers/seed'
import { suite } from '../helpers/suite'
import { until } from '../helpers/until'

const COPY: Omit<Copy, 'number' | 'payload'> = {
  codec: 3, hasFar: false, life: '0123456789abcdef', epochSum: 0, doubt: 1, fleetVersion: 0, tagClock: 0, tableMs: 0, wallMs: 0, softLeftMs: 1, hardLeftMs: 1, ageMs: 0,
}

function makeOf(key: Buffer, payload: Buffer): (number: number) => Buffer {
  return (number) => writeCopy(key, { ...COPY, payload, number })
}

async function withFile(body: (file: CopyFile, path: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'stratacache-file-'))
  const path = join(dir, 'copies-1.mdb')
  const file = new CopyFile(path)
  try {
    await body(file, path)
  } finally {
    await file.close()
    rmSync(dir, { recursive: true })
  }
}

suite('the file of copies', (test) => {
  test('has what was put last, until it is removed', () =>
    withFile(async (file) => {
      const key = copyKey('a/b', 'k')
      for (const text of ['one', 'two']) await file.write((changes) => changes.put(key, makeOf(key, Buffer.from(text))))
      assert.equal(readCopy(key, file.get(key)!)!.payload.toString(), 'two')
      assert.equal(file.has(key), true)
      assert.equal(file.has(copyKey('a', 'b/k')), false)
      await file.write((changes) => void changes.remove(key))
      assert.equal(file.get(key), undefined)
      assert.equal(file.bytes(), 0)
    }))

  test('a step that throws leaves nothing of what it wrote', () =>
    withFile(async (file) => {
      const key = copyKey('', 'k')
      await assert.rejects(file.write((changes) => {
        changes.put(key, makeOf(key, Buffer.from('half')))
        throw new Error('in the middle')
      }), /in the middle/)
      assert.equal(file.get(key), undefined)
      assert.equal(file.bytes(), 0)
    }))

  test('what a thread leaves that is terminated in the middle of a step is counted, and a clear covers it', () =>
    withFile(async (file, path) => {
      const state = new Int32Array(new SharedArrayBuffer(4))
      const worker = new Worker(`
        const { workerData: { path, state, modules, copies } } = require('node:worker_threads')
        const { CopyFile, copyKey } = require(modules + '/copy-file.js')
        const { writeCopy } = require(modules + '/record.js')
        new CopyFile(path).write((changes) => {
          for (let i = 0; i < copies; i++) {
            const key = copyKey('', 'k' + i)
            changes.put(key, (number) => writeCopy(key, { ...${JSON.stringify(COPY)}, payload: Buffer.alloc(500), number }))
          }
          Atomics.store(state, 0, 1)
          for (;;) {}
        })`, { eval: true, workerData: { path, state, modules: join(__dirname, '..', '..', 'src', 'disk'), copies: 300 } })
      await until('it is in the middle', () => Atomics.load(state, 0) === 1)
      await worker.terminate()
      await file.write((changes) => changes.clear(namespaceClear('')))
      file.renew()
      const left = Array.from({ length: 300 }, (_, i) => copyKey('', `k${i}`)).flatMap((key) => file.get(key) ?? [])
      assert.equal(left.length, 300, 'lmdb has left nothing: then there is no need for any of this')
      for (const copy of left) assert.equal(numberOf(copy) <= file.clearedUpTo(namespaceClear('')), true)
      assert.equal(file.bytes() > 300 * 500, true, 'they are not counted')
    }))

  test('a clear covers the copies before it and none after', () =>
    withFile(async (file) => {
      const key = copyKey('', 'k')
      const clear = namespaceClear('')
      await file.write((changes) => changes.put(key, makeOf(key, Buffer.from('before'))))
      await file.write((changes) => changes.clear(clear))
      file.renew()
      assert.equal(numberOf(file.get(key)!) <= file.clearedUpTo(clear), true)
      await file.write((changes) => changes.put(key, makeOf(key, Buffer.from('after'))))
      assert.equal(numberOf(file.get(key)!) <= file.clearedUpTo(clear), false)
    }))

  test('the oldest go where there is no room, and the file stays within its bytes', () =>
    withFile(async (file, path) => {
      const random = randomOf(seed)
      const maxBytes = 4 * 1024 * 1024
      for (let round = 0; round < 120; round++) {
        await file.write((changes) => {
          for (let n = 0; n < 100; n++) {
            const key = copyKey('churn', `${round}:${n}`)
            changes.put(key, makeOf(key, Buffer.alloc(Math.floor(random() ** 3 * 20_000), round)))
          }
          changes.trim(maxBytes)
        })
      }
      assert.equal(file.has(copyKey('churn', '0:0')), false)
      assert.equal(file.has(copyKey('churn', '119:99')), true)
      assert.equal(file.bytes() <= maxBytes, true)
      assert.equal(file.bytes() > maxBytes / 2, true)
      const { size } = statSync(path)
      assert.equal(size <= maxBytes * 1.5, true, `the file has ${size} bytes`)
    }))
})
