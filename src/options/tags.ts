/** Tags as users give them. */
import { misuse } from '../words/errors'
import { checkTag, joinTags } from '../wire/tags'

/** Each once. Throws ERR_CACHE_OPTION. */
export function parseTags(given: readonly string[], name: string): readonly string[] {
  if (!Array.isArray(given)) throw misuse('ERR_CACHE_OPTION', name, 'an array of strings', given)
  return joinTags([], given.map((tag: unknown, i) => checkTag(tag, `${name}[${i}]`)))
}

/** One tag or several. Throws ERR_CACHE_OPTION. */
export function oneOrMoreTags(given: string | readonly string[], name: string): readonly string[] {
  return typeof given === 'string' ? [checkTag(given, name)] : parseTags(given, name)
}
