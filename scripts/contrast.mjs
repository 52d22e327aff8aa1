// npm run contrast: what other caches do where this one must behave; writes docs/contrast.md.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { Refusal, runScript, say } from './console.mjs'
import { installPeers } from './peers.mjs'
import { root, setUp } from './setup.mjs'

runScript(async () => {
  const { native } = await setUp()
  if (!native) throw new Refusal('Without the addon processes share nothing, and there is nothing to show.')
  await installPeers()
  say()
  const child = spawn(process.execPath, [join(root, 'dist', 'bench', 'contrast', 'run.js')], { stdio: 'inherit' })
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)))
})
