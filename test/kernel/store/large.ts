import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GraphDriver, open } from 'graphdriver'

/**
 * Makes a store of many layers at rest, in chains as deep as may be, the fast way: as create leaves them. `chain-<c>-<d>` is the layer
 * at depth d of chain c.
 */
export async function makeLarge(
  root: string,
  driver: string,
  layers: number,
  depth: number,
): Promise<GraphDriver> {
  const empty = await open({ root, driver, sync: 'none' })
  await empty.close()
  for (let made = 0, chain = 0; made < layers; chain++) {
    let above = ''
    for (let deep = 0; deep < depth && made < layers; deep++, made++) {
      const id = `chain-${String(chain)}-${String(deep)}`
      for (const directory of ['diff', 'mnt', ...(driver === 'overlay' ? ['work'] : [])])
        mkdirSync(join(root, directory, id))
      writeFileSync(join(root, 'layers', id), above, { mode: above === '' ? 0o600 : 0o400 })
      const parent = above.slice(0, above.indexOf('\n'))
      if (parent !== '') {
        mkdirSync(join(root, 'children', parent))
        writeFileSync(join(root, 'children', parent, id), '')
      }
      above = `${id}\n${above}`
    }
  }
  return open({ root, driver, sync: 'none' })
}
