// What another process of the tests does: the verbs that its parent sends it, one answer each. Plain JavaScript, so that it
// starts at once.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'graphdriver'

let graph

const verbs = {
  open: async (options) => {
    graph = await open(options)
  },
  create: (id, options) => graph.create(id, options),
  remove: (id) => graph.remove(id),
  get: (id, options) => graph.get(id, options),
  put: (id, options) => graph.put(id, options),
  list: () => graph.list(),
  cleanup: (options) => graph.cleanup(options),
  close: () => graph.close(),
  read: (path) => readFile(path, 'utf8'),
  enter: async (path) => {
    process.chdir(path)
  },
  churn: async (word, parent, rounds) => {
    for (let round = 0; round < rounds; round++) {
      const id = `${word}-${round}`
      await graph.create(id, { parent })
      const path = await graph.get(id)
      await writeFile(join(path, 'file'), id)
      await graph.put(id)
      if (round % 2 === 0) await graph.remove(id)
    }
  },
  race: async (id, word, rounds) => {
    for (let round = 0; round < rounds; round++) {
      const path = await graph.get(id)
      await writeFile(join(path, word), String(round))
      if (round < rounds - 1) await rm(join(path, word))
      await graph.put(id)
    }
  },
}

process.on('message', ({ seq, verb, args }) => {
  verbs[verb](...args).then(
    (value) => process.send({ seq, value }),
    (error) => process.send({ seq, error: { ...error, message: error.message } }),
  )
})
