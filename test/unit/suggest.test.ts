import * as assert from 'node:assert/strict'
import { nearest } from '../../src/words/suggest'
import { suite } from '../helpers/suite'

const NAMES = ['name', 'memory', 'ttl', 'grace', 'forceFresh', 'leaseTimeout']

suite('suggest', (test) => {
  test('finds the name that was meant', () => {
    const cases: [given: string, meant: string][] = [
      ['memmory', 'memory'],
      ['tll', 'ttl'],
      ['TTL', 'ttl'],
      ['forcefresh', 'forceFresh'],
      ['leaseTimeOut', 'leaseTimeout'],
      ['gracce', 'grace'],
      ['nmae', 'name'],
    ]
    for (const [given, meant] of cases) assert.equal(nearest(given, NAMES), meant)
  })

  test('suggests nothing for what is far from every name', () => {
    for (const given of ['x', 'redis', 'compression', '']) assert.equal(nearest(given, NAMES), undefined)
  })
})
