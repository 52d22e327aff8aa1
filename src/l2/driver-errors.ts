/**
 * The border for errors of the driver: what passes is a code and a short message. The original is
 * never kept, not even as the cause, because it holds the command with its password or value
 * (`command.args`), and its text may quote what the server was sent.
 */
import { CacheError, type CacheErrorCode } from '../words/errors'

/**
 * 'unsent': certainly not executed, try again. 'unknown': may have been executed. 'permanent': will
 * never work as it is. 'elsewhere': not executed, another server is responsible: connect anew.
 * A denial is a state of the server, not of what was sent: it ends when the permission is granted.
 */
export type FailureClass = 'unsent' | 'unknown' | 'permanent' | 'elsewhere'

export class Failure {
  constructor(
    readonly class_: FailureClass,
    readonly error: CacheError,
    /** First word of what the server said, '' for errors of the connection. */
    readonly reply: string,
    /** Where MOVED and ASK point to. */
    readonly redirect?: { slot: number; host: string; port: number },
  ) {}
}

const REPLIES: Record<string, [FailureClass, CacheErrorCode, string]> = {
  MOVED: ['elsewhere', 'ERR_CACHE_L2_UNAVAILABLE', 'the slot has moved to another node'],
  ASK: ['elsewhere', 'ERR_CACHE_L2_UNAVAILABLE', 'the slot is moving to another node'],
  READONLY: ['elsewhere', 'ERR_CACHE_L2_READONLY', 'the server is a read-only replica'],
  MASTERDOWN: ['elsewhere', 'ERR_CACHE_L2_UNAVAILABLE', 'the server is a replica without its primary'],
  UNBLOCKED: ['elsewhere', 'ERR_CACHE_L2_UNAVAILABLE', 'the server has changed its role'],
  TRYAGAIN: ['unsent', 'ERR_CACHE_L2_UNAVAILABLE', 'the slot is being moved'],
  CLUSTERDOWN: ['unsent', 'ERR_CACHE_L2_UNAVAILABLE', 'the cluster is down'],
  LOADING: ['unsent', 'ERR_CACHE_L2_UNAVAILABLE', 'the server is loading its data'],
  BUSY: ['unsent', 'ERR_CACHE_L2_UNAVAILABLE', 'the server is busy with a script'],
  NOREPLICAS: ['unsent', 'ERR_CACHE_L2_FULL', 'too few replicas to accept writes'],
  MISCONF: ['unsent', 'ERR_CACHE_L2_FULL', 'the server cannot save and refuses writes'],
  OOM: ['unsent', 'ERR_CACHE_L2_FULL', 'the server is out of memory'],
  NOSCRIPT: ['unsent', 'ERR_CACHE_L2_UNAVAILABLE', 'the server has forgotten the script'],
  NOAUTH: ['unsent', 'ERR_CACHE_L2_AUTH', 'the server wants a password'],
  WRONGPASS: ['unsent', 'ERR_CACHE_L2_AUTH', 'the server refuses the user or password'],
  NOPERM: ['unsent', 'ERR_CACHE_L2_DENIED', 'a permission is missing'],
  WRONGTYPE: ['permanent', 'ERR_CACHE_L2_REFUSED', 'a key of the cache holds another type of value'],
}

const SYSTEM_CODES = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH',
  'ENETUNREACH', 'ENOENT', 'EACCES', 'CERT_HAS_EXPIRED', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** `host` is what the message calls the server; it must hold no credentials. */
export function convertFailure(original: unknown, host: string): Failure {
  const text = textOf(original)
  const reply = /^(?:ERR )?(?:Error running script[^:]*: )?-?([A-Z]{2,})\b/.exec(text)?.[1] ?? ''
  const scripted = reply === 'ERR' || reply === '' ? /\b(OOM|NOPERM|WRONGTYPE|READONLY|MISCONF|NOREPLICAS)\b/.exec(text)?.[1] : undefined
  const known = REPLIES[scripted ?? reply]
  if (known !== undefined && isReply(original)) {
    const [failureClass, code, message] = known
    if (code === 'ERR_CACHE_L2_DENIED') return failure(scripted === undefined ? failureClass : 'unknown', code, denial(text), host, 'NOPERM')
    return new Failure(failureClass, new CacheError(code, `redis ${host}: ${message}`), scripted ?? reply, redirection(text))
  }
  // Within a script: what it did before stays done.
  if (isReply(original) && /ACL failure in script|user executing the script can't|access permissions/i.test(text)) {
    return failure('unknown', 'ERR_CACHE_L2_DENIED', denial(text), host, 'NOPERM')
  }
  if (isReply(original) && /unknown command/i.test(text)) {
    return failure('permanent', 'ERR_CACHE_L2_REFUSED', 'the server does not know a command it was sent', host, reply)
  }
  if (isReply(original)) return failure('permanent', 'ERR_CACHE_L2_REFUSED', 'the server refused a command', host, reply)
  if (/timed out/i.test(text)) return timeout(host)
  const code = codeOf(original)
  const why = SYSTEM_CODES.has(code) ? ` (${code})` : ''
  return failure(isUnsent(text) ? 'unsent' : 'unknown', 'ERR_CACHE_L2_UNAVAILABLE', `the connection is not there${why}`, host, '')
}

/** No answer came in time: nobody knows what became of the command. */
export function timeout(host: string): Failure {
  return failure('unknown', 'ERR_CACHE_L2_TIMEOUT', 'no answer in time', host, '')
}

export function unavailable(host: string, why = 'not connected'): Failure {
  return failure('unsent', 'ERR_CACHE_L2_UNAVAILABLE', why, host, '')
}

export function busy(host: string): Failure {
  return failure('unsent', 'ERR_CACHE_L2_BUSY', 'too many requests are under way', host, '')
}

/** An answer that the protocol does not have. */
export function garbled(host: string): Failure {
  return failure('unknown', 'ERR_CACHE_L2_REFUSED', 'an answer makes no sense', host, '')
}

/** Errors within a script do not say which command was denied. */
export function isUnnamedDenial({ error }: Failure): boolean {
  return error.code === 'ERR_CACHE_L2_DENIED' && error.message.endsWith(UNNAMED)
}

/** The denial with the names of what is missing. */
export function denied({ class_ }: Failure, host: string, missing: readonly string[]): Failure {
  return failure(class_, 'ERR_CACHE_L2_DENIED', `the user lacks the permission ${missing.join(' ')}`, host, 'NOPERM')
}

export function isDenial({ error }: Failure): boolean {
  return error.code === 'ERR_CACHE_L2_DENIED'
}

/** A denial of entries that the script left alone. */
export function leftAlone(text: string, host: string): Failure {
  const { error, reply } = convertFailure({ name: 'ReplyError', message: text }, host)
  return new Failure('unsent', error, reply)
}

export function isAuthFailure({ error }: Failure): boolean {
  return error.code === 'ERR_CACHE_L2_AUTH'
}

/** Nothing else of such a reply passes the border. */
function redirection(text: string): { slot: number; host: string; port: number } | undefined {
  const match = /^(?:MOVED|ASK) (\d{1,5}) ([A-Za-z0-9.:_-]*):(\d{1,5})$/.exec(text)
  if (match === null || Number(match[1]) >= 16_384) return undefined
  return { slot: Number(match[1]), host: match[2]!, port: Number(match[3]) }
}

function failure(failureClass: FailureClass, code: CacheErrorCode, message: string, host: string, reply: string): Failure {
  return new Failure(failureClass, new CacheError(code, `redis ${host}: ${message}`), reply)
}

/** Errors the server sent, as opposed to those of the connection. */
function isReply(original: unknown): boolean {
  return (original as { name?: unknown } | null)?.name === 'ReplyError'
}

/** ioredis says so when nothing has been written to the socket. 'Connection is closed' it says in both cases. */
function isUnsent(text: string): boolean {
  return text.includes("isn't writeable")
}

const UNNAMED = 'the user lacks a permission'

/** Only names of commands are let through, letters and a bar: keys and channels are not shown. */
function denial(text: string): string {
  const command = /'([a-z|]{1,40})' command|run the '?([a-z|]{1,40})'? command/i.exec(text)
  const name = command?.[1] ?? command?.[2]
  if (name !== undefined) return `the user lacks the permission +${name.toLowerCase()}`
  if (/channel/i.test(text)) return "the user lacks the permission for the cache's channel (&prefix:*)"
  if (/key/i.test(text)) return "the user lacks the permission for the cache's keys (~prefix:*)"
  return UNNAMED
}

function textOf(original: unknown): string {
  const message = (original as { message?: unknown } | null)?.message
  return typeof message === 'string' ? message : ''
}

function codeOf(original: unknown): string {
  const code = (original as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : ''
}
