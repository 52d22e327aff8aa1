import * as assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { convertFailure, timeout, unavailable } from '../../src/l2/driver-errors'
import { CacheError } from '../../src/words/errors'
import { suite } from '../helpers/suite'

const SECRET = 'hunter2'
const reply = (message: string): Error =>
  Object.assign(new Error(message), { name: 'ReplyError', command: { name: 'auth', args: [SECRET] }, cause: SECRET })

export function shows(error: Error, secret: string): boolean {
  const own = Object.getOwnPropertyNames(error).map((name) => String((error as unknown as Record<string, unknown>)[name]))
  return [error.message, error.stack ?? '', inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), ...own].join('\n').includes(secret)
}

suite('l2 driver errors', (test) => {
  test('each answer of the server has its class and code', () => {
    const table: [message: string, failureClass: string, code: string][] = [
      ['MOVED 3999 127.0.0.1:6381', 'elsewhere', 'ERR_CACHE_L2_UNAVAILABLE'],
      ['ASK 3999 127.0.0.1:6381', 'elsewhere', 'ERR_CACHE_L2_UNAVAILABLE'],
      ["READONLY You can't write against a read only replica.", 'elsewhere', 'ERR_CACHE_L2_READONLY'],
      ["OOM command not allowed when used memory > 'maxmemory'.", 'unsent', 'ERR_CACHE_L2_FULL'],
      ['LOADING Redis is loading the dataset in memory', 'unsent', 'ERR_CACHE_L2_UNAVAILABLE'],
      ['CLUSTERDOWN The cluster is down', 'unsent', 'ERR_CACHE_L2_UNAVAILABLE'],
      ['TRYAGAIN Multiple keys request during rehashing of slot', 'unsent', 'ERR_CACHE_L2_UNAVAILABLE'],
      ['NOSCRIPT No matching script.', 'unsent', 'ERR_CACHE_L2_UNAVAILABLE'],
      ['BUSY Redis is busy running a script.', 'unsent', 'ERR_CACHE_L2_UNAVAILABLE'],
      ['WRONGPASS invalid username-password pair or user is disabled.', 'unsent', 'ERR_CACHE_L2_AUTH'],
      ['NOAUTH Authentication required.', 'unsent', 'ERR_CACHE_L2_AUTH'],
      ['NOPERM this user has no permissions to run the evalsha command', 'unsent', 'ERR_CACHE_L2_DENIED'],
      ["NOPERM User bob has no permissions to run the 'get' command", 'unsent', 'ERR_CACHE_L2_DENIED'],
      ["ERR The user executing the script can't run this command or subcommand script: f_1, on @user_script:1.", 'unknown', 'ERR_CACHE_L2_DENIED'],
      ["ERR The user executing the script can't access at least one of the keys mentioned in the command arguments", 'unknown', 'ERR_CACHE_L2_DENIED'],
      ["ERR The user executing the script can't publish to the channel mentioned in the command", 'unknown', 'ERR_CACHE_L2_DENIED'],
      ["ERR ACL failure in script: User bob has no permissions to run the 'set' command", 'unknown', 'ERR_CACHE_L2_DENIED'],
      ['ERR Error running script (call to f_1): @user_script:1: -NOPERM this user has no permissions', 'unknown', 'ERR_CACHE_L2_DENIED'],
      ['WRONGTYPE Operation against a key holding the wrong kind of value', 'permanent', 'ERR_CACHE_L2_REFUSED'],
      ['ERR something new', 'permanent', 'ERR_CACHE_L2_REFUSED'],
    ]
    for (const [message, failureClass, code] of table) {
      const failure = convertFailure(reply(message), 'h:1')
      assert.deepEqual([failure.class_, failure.error.code], [failureClass, code], message)
    }
  })

  test('a missing permission is named', () => {
    const told = (message: string): string => convertFailure(reply(message), 'h:1').error.message
    assert.match(told('NOPERM this user has no permissions to run the evalsha command'), /\+evalsha$/)
    assert.match(told("NOPERM User bob has no permissions to run the 'script|load' command"), /\+script\|load$/)
    assert.match(told('NOPERM this user has no permissions to access one of the channels used as arguments'), /&/)
    assert.match(told('NOPERM this user has no permissions to access one of the keys used as arguments'), /~/)
    assert.match(told("ERR The user executing the script can't publish to the channel mentioned in the command"), /&/)
    assert.match(told("ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"), /~/)
  })

  test('where MOVED points to is read, and nothing hostile', () => {
    assert.deepEqual(convertFailure(reply('MOVED 3999 127.0.0.1:6381'), 'h').redirect, { slot: 3999, host: '127.0.0.1', port: 6381 })
    for (const bad of ['MOVED __proto__ h:1', 'MOVED 99999 h:1', 'MOVED 1 h', 'MOVED 1 h:1 x']) assert.equal(convertFailure(reply(bad), 'h').redirect, undefined)
  })

  test('errors of the connection are unknown outcomes, unless nothing was written', () => {
    assert.equal(convertFailure(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }), 'h').class_, 'unknown')
    assert.equal(convertFailure(new Error('Connection is closed.'), 'h').class_, 'unknown')
    assert.equal(convertFailure(new Error("Stream isn't writeable and enableOfflineQueue options is false"), 'h').class_, 'unsent')
    assert.equal(convertFailure(new Error('Command timed out'), 'h').class_, 'unknown')
  })

  test('no part of a converted error shows a password, key or value', () => {
    const given = [
      reply(`WRONGPASS ${SECRET}`), reply(`ERR ${SECRET}`), reply(`NOPERM ${SECRET} no permissions to access one of the keys ${SECRET}`),
      reply(`NOPERM User ${SECRET} has no permissions to run the 'get' command`), Object.assign(new Error(`connect ${SECRET}`), { code: SECRET }),
      SECRET, { message: SECRET }, null, undefined, Object.assign(reply('OOM'), { stack: SECRET }),
    ]
    for (const original of given) {
      const { error } = convertFailure(original, 'h:1')
      assert.ok(error instanceof CacheError)
      assert.ok(!shows(error, SECRET), inspect(error))
    }
    for (const { error } of [timeout('h'), unavailable('h')]) assert.ok(error.message.includes('h'))
  })
})
