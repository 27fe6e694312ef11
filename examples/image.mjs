// An image assembled from layers: each tar becomes a layer, named by its digest as the OCI image specification does (the chain id), so
// that images which begin alike share them. `node image.mjs store layer.tar…`, the lowest first.
import { createHash } from 'node:crypto'
import { open as openFile, readdir } from 'node:fs/promises'
import { open } from 'graphdriver'

const [root, ...tars] = process.argv.slice(2)
if (tars.length === 0) throw new Error('usage: image.mjs store layer.tar…')
const driver = await open({ root })

/** The digest of a whole tar: its diff id, as an image's configuration lists it. */
async function digestOf(file) {
  const hash = createHash('sha256')
  for await (const chunk of file.createReadStream({ autoClose: false, start: 0 })) hash.update(chunk)
  return `sha256:${hash.digest('hex')}`
}

/** chain id = sha256(chain id of the parent, a blank, diff id): image-spec/config.md. */
function chainId(parent, diffId) {
  if (parent === undefined) return diffId
  return `sha256:${createHash('sha256').update(`${parent} ${diffId}`).digest('hex')}`
}

/** A layer's id holds no colon. */
const layerId = (chain) => chain.replace('sha256:', '')

async function addLayer(parent, path) {
  const tar = await openFile(path)
  try {
    const chain = chainId(parent, await digestOf(tar))
    const id = layerId(chain)
    if (await driver.exists(id)) console.log(`shared ${id.slice(0, 12)} ${path}`)
    else {
      const below = parent === undefined ? {} : { parent: layerId(parent) }
      const { entries } = await driver.create(id, { ...below, from: tar })
      console.log(`added  ${id.slice(0, 12)} ${path}, ${entries} entries`)
    }
    return chain
  } finally {
    await tar.close()
  }
}

try {
  let chain
  for (const path of tars) chain = await addLayer(chain, path)
  const rootfs = await driver.use(layerId(chain), { readOnly: true })
  console.log(`image ${layerId(chain).slice(0, 12)}: ${(await readdir(rootfs.path)).join(' ')}`)
  await rootfs.release()
} finally {
  await driver.close()
}
