import stratacache from '../dist/src/index.js'

export const { Cache, CacheError, createCache, ERROR_CODES, Namespace } = stratacache
