// npm run build: dependencies, the native addon, TypeScript.
import { runScript } from './console.mjs'
import { setUp } from './setup.mjs'

runScript(async () => {
  const { types } = await setUp()
  return types ? 0 : 1
})
