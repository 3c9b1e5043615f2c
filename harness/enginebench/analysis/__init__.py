"""Judgement: pure functions over tables read from the store."""
