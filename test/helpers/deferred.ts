/** A promise that the test settles. */
export interface Deferred<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
}

export function deferred<T>(): Deferred<T> {
  const result = {} as Deferred<T>
  result.promise = new Promise<T>((resolve, reject) => Object.assign(result, { resolve, reject }))
  return result
}
