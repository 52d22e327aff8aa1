/** Text that names a server of Redis, as options of ioredis. */

const SCHEMES = /^([a-z][a-z0-9+.-]*):\/\//i
const SOCKET = /^(?:([^:@/?#]*)(?::([^@/?#]*))?@)?(\/[^?#]+)(?:\?([^#]*))?$/

/**
 * Of `redis://`, `rediss://` and `unix://user:password@/path` URLs, `host:port`, and the path of a socket.
 *
 * Undefined for what is none. So are URLs whose user or password holds a letter that ends them (`/`, `?`, `#`) and is
 * not percent-encoded: part of it would be taken for a host or database, and shown.
 */
export function optionsOfUrl(text: string): Record<string, unknown> | undefined {
  try {
    const scheme = SCHEMES.exec(text)?.[1]?.toLowerCase()
    if (/^\d+$/.test(text)) return { port: text }
    if (scheme === 'unix') return ofSocket(text.slice('unix://'.length))
    if (text.startsWith('/') && !text.startsWith('//')) return ofSocket(text)
    if (scheme !== undefined && scheme !== 'redis' && scheme !== 'rediss') return undefined
    return ofServer(new URL(scheme === undefined ? `redis://${text.replace(/^\/\//, '')}` : text), scheme === 'rediss')
  } catch {
    return undefined
  }
}

function ofServer({ hostname, port, username, password, pathname, search, hash }: URL, isTls: boolean): Record<string, unknown> | undefined {
  const query = ofQuery(search)
  if (hash !== '' || !/^\/?\d*$/.test(pathname) || query === undefined) return undefined
  return {
    ...query,
    ...(hostname === '' ? {} : { host: hostname.replace(/^\[|\]$/g, '') }),
    ...(port === '' ? {} : { port: Number(port) }),
    ...(pathname.length > 1 ? { db: Number(pathname.slice(1)) } : {}),
    ...credentials(username, password),
    ...(isTls ? { tls: query['tls'] ?? true } : {}),
  }
}

function ofSocket(text: string): Record<string, unknown> | undefined {
  const [, username = '', password = '', path, search = ''] = SOCKET.exec(text) ?? []
  const query = ofQuery(search)
  if (path === undefined || query === undefined) return undefined
  return { ...query, path: decodeURIComponent(path), ...credentials(username, password) }
}

function credentials(username: string, password: string): Record<string, unknown> {
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  }
}

function ofQuery(search: string): Record<string, unknown> | undefined {
  const entries = [...new URLSearchParams(search)]
  if (!entries.every(([name]) => /^[A-Za-z]+$/.test(name))) return undefined
  return Object.fromEntries(entries)
}
