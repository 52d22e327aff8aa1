import { until } from '../until'

/**
 * Like `until`, for servers that change under the question: a lost connection or a refused command
 * means "not yet". What went wrong last is the cause of the error at the deadline.
 */
export async function eventually(state: string, condition: () => Promise<boolean>, deadlineMs = 30_000): Promise<void> {
  let cause: unknown
  const patient = (): Promise<boolean> => condition().catch((error: unknown) => {
    cause = error
    return false
  })
  try {
    await until(state, patient, deadlineMs)
  } catch (error) {
    throw new Error(`${(error as Error).message}${cause === undefined ? '' : `; last trouble: ${String(cause)}`}`, { cause })
  }
}
