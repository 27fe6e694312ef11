import { forEachLayer } from '../each.ts'
import type { Verb } from '../verb.ts'

export const rm: Verb = {
  name: 'rm',
  summary: 'remove layers',
  details: [
    'A layer vanishes at one instant and is then deleted. It is refused while somebody holds the layer or while it has children; a mount that nobody holds is taken away first.',
    'What cannot be removed is told of, and the others are removed all the same; the exit code is 1 then.',
  ],
  arguments: [{ name: '<ids...>', summary: 'the layers, removed in this order', kind: 'layer' }],
  shape: '{ removed: string[] }, and on the standard error an error for each of the others',
  interrupted: 'a removal that had begun is finished',
  async run(input, context) {
    const { signal } = context
    const removed: string[] = []
    await using driver = await context.open()
    const failures = await forEachLayer(input.words('ids'), signal, async (id) => {
      await driver.remove(id, { signal })
      removed.push(id)
    })
    if (!context.json && failures.length > 0 && removed.length > 0)
      context.note(`removed: ${removed.join(' ')}`)
    return { data: { removed }, text: () => '', failures }
  },
}
