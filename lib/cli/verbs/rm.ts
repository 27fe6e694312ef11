import type { Verb } from '../verb.ts'

export const rm: Verb = {
  name: 'rm',
  summary: 'remove layers',
  details: [
    'A layer vanishes at one instant and is then deleted. It is refused while somebody holds the layer or while it has children; a mount that nobody holds is taken away first.',
  ],
  arguments: [{ name: '<ids...>', summary: 'the layers, removed in this order', kind: 'layer' }],
  shape: '{ removed: string[] }',
  interrupted: 'a removal that had begun is finished',
  async run(input, context) {
    const ids = input.words('ids')
    await using driver = await context.open()
    for (const id of ids) await driver.remove(id, { signal: context.signal })
    return { data: { removed: ids }, text: () => '' }
  },
}
