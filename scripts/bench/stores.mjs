// Stores with many layers.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open } from 'graphdriver'
import { each } from './memory.mjs'

/** Overlay takes 500 below the writable one. */
const DEEPEST = 400

/** Writes layers down as create leaves them, which is quicker than to make them one by one. */
export function fill(root, layers, deepest = DEEPEST) {
  for (let made = 0, chain = 0; made < layers; chain++) {
    let above = ''
    for (let depth = 0; depth < deepest && made < layers; depth++, made++) {
      const id = `chain-${chain}-${depth}`
      for (const name of ['diff', 'mnt', 'work']) mkdirSync(join(root, name, id))
      writeFileSync(join(root, 'layers', id), above, { mode: above === '' ? 0o600 : 0o400 })
      const parent = above.slice(0, above.indexOf('\n'))
      if (parent !== '') {
        mkdirSync(join(root, 'children', parent))
        writeFileSync(join(root, 'children', parent, id), '')
      }
      above = `${id}\n${above}`
    }
  }
}

/** Opens a store of overlay that holds so many layers, in chains of at most `deepest`. */
export async function openFilled(root, layers, deepest) {
  const options = { root, driver: 'overlay', sync: 'none' }
  await (await open(options)).close()
  fill(root, layers, deepest)
  return open(options)
}

/** A series of a curve whose stores have a layer "top" of about ten. */
export const getAndPut = {
  label: 'get and put, 10 layers',
  expect: 'flat',
  run: ({ graph }) =>
    each(20, async () => {
      await graph.get('top')
      await graph.put('top')
    }),
}
