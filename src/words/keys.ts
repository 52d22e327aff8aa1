import { CacheError, describe } from './errors'

export const MAX_KEY_BYTES = 1024

const NAMESPACE_NAME = /^[A-Za-z0-9._:@-]{1,64}$/

/**
 * Throws ERR_CACHE_KEY unless `key` is a well-formed string of 1 to 1024 UTF-8 bytes.
 *
 * A lone surrogate is refused because UTF-8 cannot carry it: two such keys would become one.
 */
export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== 'string') throw new CacheError('ERR_CACHE_KEY', `key must be a string, got ${describe(key)}`)
  const units = key.length
  if (units === 0) throw new CacheError('ERR_CACHE_KEY', 'key must be 1 to 1024 bytes, got an empty string')
  // A UTF-16 unit takes at most three bytes, so most keys need no counting.
  if (units * 3 > MAX_KEY_BYTES) {
    const bytes = Buffer.byteLength(key)
    if (bytes > MAX_KEY_BYTES) {
      throw new CacheError('ERR_CACHE_KEY', `key must be 1 to ${MAX_KEY_BYTES} bytes, got ${bytes}`)
    }
  }
  if (!key.isWellFormed()) {
    throw new CacheError('ERR_CACHE_KEY', 'key must be well-formed Unicode, got a lone surrogate')
  }
}

/**
 * Throws ERR_CACHE_ARGUMENT unless `name` can name a namespace. The slash is not among the
 * letters: it separates the names in a namespace's full path.
 */
export function checkNamespaceName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || !NAMESPACE_NAME.test(name)) {
    throw new CacheError(
      'ERR_CACHE_ARGUMENT',
      `namespace must be 1 to 64 letters, digits or any of "._:@-", got ${describe(name)}`,
    )
  }
}

/**
 * The namespace below another one that has what was written under a stamp. Callers of the package cannot name it; names of
 * that form come from here alone.
 */
export function stampName(stamp: string): string {
  return `~${stamp}`
}

/** Throws ERR_CACHE_ARGUMENT unless `name` is that of a namespace or of a stamp. */
export function checkChildName(name: string): void {
  checkNamespaceName(typeof name === 'string' && name.startsWith('~') ? name.slice(1) : name)
}

/** The stamps in a path, outermost first. */
export function stampsIn(path: string): string[] {
  return path.split('/').filter((name) => name.startsWith('~'))
}

/** The full path of the namespace `name` below `parent`; the root's path is ''. */
export function namespacePath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}/${name}`
}
