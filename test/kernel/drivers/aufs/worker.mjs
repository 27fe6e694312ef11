// What a process of the concurrency tests does: `worker.mjs <root> <word> <parent> <mounts> [hold]`. It mounts so many
// layers of its own, 16 at a time, and takes them down; with `hold` it says `ready` and mounts until it is killed.
import { open } from 'graphdriver'

const [root, word, parent, count, hold] = process.argv.slice(2)
const graph = await open({ root, driver: 'aufs', sync: 'none' })
const failures = []

async function lane(number) {
  const id = `${word}-${number}`
  await graph.create(id, { parent })
  for (let round = 0; hold || round < Math.ceil((Number(count) - number) / 16); round++) {
    try {
      await graph.get(id)
      await graph.put(id)
    } catch (error) {
      failures.push(`${error.code}: ${error.message}`)
    }
    if (round === 0 && number === 0) process.send?.('ready')
  }
}

await Promise.all(Array.from({ length: 16 }, (_, number) => lane(number)))
await graph.close()
process.send?.({ failures })
process.disconnect?.()
