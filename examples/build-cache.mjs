// A cache of build steps: a step's layer is named by the step and all before it, so what did not change is not done again.
// `node build-cache.mjs [store]`
import { createHash } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'graphdriver'

const [root = await mkdtemp(join(tmpdir(), 'build-cache-'))] = process.argv.slice(2)
const driver = await open({ root })

/** Does the steps that are not in the cache; answers the id of the last layer. */
async function build(steps) {
  let parent
  for (const { name, work } of steps) {
    // What a step does is its text; a real one hashes its inputs, too.
    const id = createHash('sha256')
      .update(`${parent ?? ''}\n${name}\n${work}`)
      .digest('hex')
      .slice(0, 16)
    const cached = await driver.exists(id)
    if (!cached) await step(id, parent, work)
    console.log(`${cached ? 'cached' : 'built '} ${name}`)
    parent = id
  }
  return parent
}

/** One step in a layer of its own; one that fails leaves none. */
async function step(id, parent, work) {
  await driver.create(id, parent === undefined ? {} : { parent })
  try {
    await work(await driver.get(id))
  } catch (error) {
    await driver.put(id)
    await driver.remove(id)
    throw error
  }
  await driver.put(id)
}

const base = { name: 'base', work: (path) => mkdir(join(path, 'src')) }
const sources = { name: 'sources', work: (path) => writeFile(join(path, 'src/words'), 'one\n') }
const compile = { name: 'compile', work: (path) => appendFile(join(path, 'src/words'), 'two\n') }
const other = { name: 'compile', work: (path) => appendFile(join(path, 'src/words'), 'three\n') }

try {
  await build([base, sources, compile])
  const top = await build([base, sources, other])
  const rootfs = await driver.use(top, { readOnly: true })
  console.log(JSON.stringify(await readFile(join(rootfs.path, 'src/words'), 'utf8')))
  await rootfs.release()
} finally {
  await driver.close()
}
