/** What keeps pages on loopback from other sites' scripts, and answers without surprises. */
import type { IncomingMessage, ServerResponse } from 'node:http'

const NAMES = ['127.0.0.1', 'localhost', '[::1]']

/**
 * Whether the request names this server as one on loopback is named. A page of another site whose name was made to
 * lead here (DNS rebinding) sends its own name.
 */
export function isForUs({ headers, socket }: IncomingMessage): boolean {
  const port = socket.localPort
  return NAMES.some((name) => headers.host === `${name}:${port}` || (port === 80 && headers.host === name))
}

/** Whether a page of this very server sent it: browsers say where a request comes from. */
export function isFromUs({ headers }: IncomingMessage): boolean {
  const origin = headers.origin
  return origin === `http://${headers.host}` && (headers['sec-fetch-site'] ?? 'same-origin') === 'same-origin'
}

export function answer(response: ServerResponse, status: number, type: string, body: string, policy = "default-src 'none'"): void {
  response.writeHead(status, { ...HEADERS, 'content-type': type, 'content-length': Buffer.byteLength(body), 'content-security-policy': policy })
  response.end(body)
}

export const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
} as const
