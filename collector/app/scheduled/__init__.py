"""Scheduled reports: planned by period, made when their data are in, put into a folder, and sent from the outbox.

planning ──► making ──► folder (files, letter) ──► outbox ──► delivering ──► mail, chat, webhook
"""
