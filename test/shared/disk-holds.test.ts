// What the table tells of changes to whoever keeps copies of its entries.
import * as assert from 'node:assert/strict'
import type { CopiedView, CopyWatch } from '../../src/l1/copies'
import { openShared } from '../../src/l1/shared-table'
import { uniqueName, withDirectory } from '../helpers/cache'
import { suite } from '../helpers/suite'

const LIFE = { ttlMs: 0, graceMs: 0 }

class Watch implements CopyWatch {
  changes: { view: CopiedView; key: string }[] = []
  clears: (string | number)[] = []
  changed(view: CopiedView, key: string): void {
    this.changes.push({ view, key })
  }
  cleared(namespace: string): void {
    this.clears.push(namespace)
  }
  tagCleared(slot: number): void {
    this.clears.push(slot)
  }
}

async function withTables(body: (open: (hasDisk: boolean) => ReturnType<typeof openShared>) => void): Promise<void> {
  await withDirectory((dir) => {
    const name = uniqueName()
    const opened: ReturnType<typeof openShared>[] = []
    try {
      body((hasDisk) => {
        const table = openShared({ name, dir, memory: 2 * 2 ** 20, averageEntryBytes: 512, l0: false, hasDisk })
        opened.push(table)
        return table
      })
    } finally {
      for (const table of opened) table.close()
    }
  })
}

suite('holds on copies', (test) => {
  test('every change of a key takes one, which is given back one by one', () =>
    withTables((open) => {
      const table = open(true)
      const other = open(true)
      const watch = new Watch()
      table.copies.watch(watch)
      const { root } = table
      const isHeld = (): boolean => other.copies.view('').isHeld('k')
      const lease = root.acquire('k', { leaseMs: 10_000, force: false })
      assert.equal(isHeld(), false)
      assert.equal(lease.state, 'granted')
      if (lease.state === 'granted') root.publish('k', lease.lease, 'v', LIFE)
      root.set('k', 'v', LIFE)
      root.set('k', 'w', LIFE, { if: 'absent' })
      root.touch('k', LIFE)
      root.expire('k')
      root.take('k', 1)
      root.remove('k')
      root.delete('k')
      root.invalidate('k', 7, () => true)
      assert.deepEqual(watch.changes.map(({ key }) => key), Array.from({ length: 9 }, () => 'k'))
      for (const { view, key } of watch.changes) {
        assert.equal(isHeld(), true)
        view.release(key)
      }
      assert.equal(isHeld(), false)
    }))

  test('reads, leases and clears take none; clears are told', () =>
    withTables((open) => {
      const table = open(true)
      const watch = new Watch()
      table.root.set('k', 'v', LIFE)
      table.copies.watch(watch)
      table.root.get('k')
      table.root.entry('k')
      table.root.acquire('k', { leaseMs: 10_000, force: true })
      table.root.child('a').child('b').clear()
      table.tags.clear(17, 'delete')
      assert.deepEqual(watch.changes, [])
      assert.deepEqual(watch.clears, ['a/b', 17])
    }))

  test('a region knows whether a change went untold', () =>
    withTables((open) => {
      const table = open(true)
      table.copies.watch(new Watch())
      table.root.set('k', 'v', LIFE)
      table.root.clear()
      assert.equal(table.copies.isWhole(), true)
      open(false).root.get('k')
      assert.equal(table.copies.isWhole(), true)
      open(false).root.delete('k')
      assert.equal(table.copies.isWhole(), false)
      assert.equal(table.copies.view('').isHeld('k'), true)
    }))

  test('a region that was made without a disk is not whole', () =>
    withTables((open) => {
      const first = open(false)
      first.root.set('k', 'v', LIFE)
      const table = open(true)
      table.copies.watch(new Watch())
      assert.equal(table.copies.isWhole(), false)
      first.root.set('k', 'v', LIFE)
      assert.equal(table.copies.view('').isHeld('k'), true)
    }))

  test('the first generation that is told stays', () =>
    withTables((open) => {
      const [one, two] = [open(true), open(true)]
      assert.equal(one.copies.generation(), 0)
      assert.equal(one.copies.generation(7), 7)
      assert.equal(two.copies.generation(8), 7)
    }))

  test('a write of copies is seen until it is over, not beyond its successor', () =>
    withTables((open) => {
      const [one, two] = [open(true), open(true)]
      one.copies.spill(11, false)
      assert.equal(two.copies.isSpilling(), true)
      two.copies.spill(12, false)
      one.copies.spill(11, true)
      assert.equal(one.copies.isSpilling(), true)
      two.copies.spill(12, true)
      assert.equal(one.copies.isSpilling(), false)
    }))

  test('an entry is told as it is stored, with its life', () =>
    withTables((open) => {
      const table = open(true)
      table.root.set('text', 'é', { ttlMs: 5_000, graceMs: 1_000 })
      table.root.set('bytes', Buffer.alloc(200_000, 3), LIFE)
      table.root.set('none', null, LIFE)
      const view = table.copies.view('')
      const text = view.stored('text')!
      assert.deepEqual([text.payload, text.codec, text.isStale, text.uses], ['é', 0, false, 0])
      assert.equal(text.softLeftMs > 4_000 && text.softLeftMs <= 5_000 && text.hardLeftMs > 5_000, true)
      const bytes = view.stored('bytes')!
      assert.deepEqual([bytes.codec, Buffer.from(bytes.payload as Uint8Array).equals(Buffer.alloc(200_000, 3)), bytes.softLeftMs], [3, true, Number.POSITIVE_INFINITY])
      assert.equal(view.stored('none')!.codec, 4)
      assert.equal(view.stored('absent'), undefined)
      for (let n = 0; n < 3; n++) table.root.get('text')
      assert.equal(view.stored('text')!.uses > 0, true)
    }))
})
